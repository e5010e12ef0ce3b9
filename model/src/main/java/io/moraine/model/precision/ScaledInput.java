package io.moraine.model.precision;

import java.util.Optional;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Rows that are rounded to E4M3 once for all that they are multiplied with. */
public final class ScaledInput {

  private final Tensor x;
  private final SortedRows rows;
  private final ScaledMatrix matrix;
  private final ScaledMatrix[] byExpert;
  private Optional<ScaledMatrix> transposed = Optional.empty();

  private ScaledInput(Tensor x, SortedRows rows) {
    this.x = x;
    this.rows = rows;
    this.matrix = ScaledMatrix.ofRows(rows.padded(x.to(torch.ScalarType.BFloat16)));
    this.byExpert = rows.byExpert(matrix);
  }

  /**
   * Of one weight.
   *
   * @shape x (T, C)
   */
  static ScaledInput ofOne(Tensor x) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return new ScaledInput(x, SortedRows.ofOne(x.size(0)));
    }
  }

  /**
   * Of experts, sorted by them.
   *
   * @param load rows of each expert
   * @param there the same, int64, where x is; shape (E)
   * @shape x (S, C), S the sum of the load
   */
  public static ScaledInput ofExperts(Tensor x, long[] load, Tensor there) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return new ScaledInput(x, SortedRows.of(load, there));
    }
  }

  /** Other rows of the same experts. */
  public ScaledInput with(Tensor other) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return new ScaledInput(other, rows);
    }
  }

  /** As they were before rounding, with their gradient. */
  Tensor x() {
    return x;
  }

  SortedRows rows() {
    return rows;
  }

  /** The rows of each expert, as the forward product sees them. */
  ScaledMatrix[] byExpert() {
    return byExpert;
  }

  /** The padded rows as weights' gradients see them, in tiles along the rows; (C, S'). */
  ScaledMatrix transposed() {
    if (transposed.isEmpty()) {
      try (NoGradGuard noGradient = new NoGradGuard()) {
        transposed = Optional.of(matrix.transposed());
      }
    }
    return transposed.get();
  }
}
