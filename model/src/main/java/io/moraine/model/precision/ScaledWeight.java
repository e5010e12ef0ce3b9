package io.moraine.model.precision;

import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * A weight as matrices of E4M3, rounded once for all products until it changes: libtorch counts
 * what is written to a tensor. One thread at a time.
 */
final class ScaledWeight implements AutoCloseable {

  private final Tensor tensor;
  private Optional<ScaledMatrix> matrix = Optional.empty();
  private Optional<ScaledMatrix> transposed = Optional.empty();
  private long version;

  /**
   * Rounds nothing yet.
   *
   * @param tensor float32; shape (N, C)
   */
  ScaledWeight(Tensor tensor) {
    this.tensor = tensor;
  }

  Tensor tensor() {
    return tensor;
  }

  /** As the forward product sees it; (N, C). */
  ScaledMatrix matrix() {
    forgetIfChanged();
    if (matrix.isEmpty()) {
      matrix = Optional.of(kept(() -> ScaledMatrix.ofBlocks(tensor.detach())));
    }
    return matrix.get();
  }

  /** As the input's gradient sees it; (C, N). */
  ScaledMatrix transposed() {
    ScaledMatrix straight = matrix();
    if (transposed.isEmpty()) {
      transposed = Optional.of(kept(straight::ofBlocksTransposed));
    }
    return transposed.get();
  }

  private void forgetIfChanged() {
    if (matrix.isPresent() && version != tensor._version()) {
      close();
    }
    version = tensor._version();
  }

  private static ScaledMatrix kept(Supplier<ScaledMatrix> made) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      return made.get().retained();
    }
  }

  @Override
  public void close() {
    matrix.ifPresent(ScaledMatrix::close);
    transposed.ifPresent(ScaledMatrix::close);
    matrix = Optional.empty();
    transposed = Optional.empty();
  }
}
