package io.moraine.model.precision;

import io.moraine.model.tensor.Scoped;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A matrix in E4M3 with a float32 scale for every 1 x 128 of it, {@code absmax / 448}, as the
 * tensor cores of Hopper take it. Padded with zeros: rows to a multiple of 16, columns to one of
 * 128.
 *
 * <p>The same values as those of {@link Tiles}, which this leaves apart from their scales.
 *
 * @param codes E4M3; shape (R', C')
 * @param scales float32; shape (R', C' / 128), column-major
 * @param rows of them without padding
 * @param columns of them without padding
 */
record ScaledMatrix(Tensor codes, Tensor scales, long rows, long columns) implements AutoCloseable {

  private static final long ROW_ALIGNMENT = 16;

  /** Checked on a processor too, which would multiply other forms as well. */
  ScaledMatrix {
    boolean isPadded =
        codes.size(0) % ROW_ALIGNMENT == 0
            && codes.size(1) == scales.size(1) * Tiles.SIZE
            && codes.size(0) == scales.size(0);
    boolean isRowMajor = codes.stride(1) == 1 && codes.stride(0) >= codes.size(1);
    boolean isColumnMajor =
        scales.stride(0) == 1 && (scales.size(1) == 1 || scales.stride(1) == scales.size(0));
    if (!isPadded || !isRowMajor || !isColumnMajor) {
      throw new IllegalArgumentException(
          "tensor cores take codes row-major, padded to 16 x 128, and scales column-major, got %s and %s"
              .formatted(form(codes), form(scales)));
    }
  }

  private static String form(Tensor matrix) {
    return "%d x %d with strides %d, %d"
        .formatted(matrix.size(0), matrix.size(1), matrix.stride(0), matrix.stride(1));
  }

  /**
   * Tiles of 1 x 128.
   *
   * @shape x (R, C)
   */
  static ScaledMatrix ofRows(Tensor x) {
    long below = Tiles.padding(x.size(0), ROW_ALIGNMENT);
    long right = Tiles.padding(x.size(1), Tiles.SIZE);
    Tensor padded =
        below + right == 0
            ? x
            : torch.constant_pad_nd(x, new long[] {0, right, 0, below}, new Scalar(0));
    Tensor tiles = padded.contiguous().view(padded.size(0), -1, Tiles.SIZE);
    Tensor scale = Scoped.result(() -> scale(tiles.abs().amax(new long[] {2}, true)));
    Tensor codes =
        Scoped.result(() -> E4m3.codes(tiles.div(scale)).view(padded.size(0), padded.size(1)));
    return new ScaledMatrix(codes, columnMajor(scale.squeeze(2)), x.size(0), x.size(1));
  }

  /** The transpose, rounded anew in tiles along the rows; (C, R). */
  ScaledMatrix transposed() {
    PointerScope around = PointerScope.getInnerScope();
    try (PointerScope scope = new PointerScope()) {
      ScaledMatrix turned = ofRows(values().t());
      around.attach(turned.codes);
      around.attach(turned.scales);
      return turned;
    }
  }

  /**
   * Some of the rows.
   *
   * @param first a multiple of 16
   * @param count behind these lie zeros up to the next multiple of 16
   */
  ScaledMatrix rows(long first, long count) {
    if (count == rows) {
      return this;
    }
    long padded = Tiles.aligned(count, ROW_ALIGNMENT);
    return new ScaledMatrix(
        codes.narrow(0, first, padded),
        columnMajor(scales.narrow(0, first, padded)),
        count,
        columns);
  }

  /**
   * Some of the columns.
   *
   * @param first a multiple of 128
   * @param count behind these lie zeros up to the next multiple of 128
   */
  ScaledMatrix columns(long first, long count) {
    long tiles = Tiles.aligned(count, Tiles.SIZE) / Tiles.SIZE;
    return new ScaledMatrix(
        codes.narrow(1, first, tiles * Tiles.SIZE),
        scales.narrow(1, first / Tiles.SIZE, tiles),
        rows,
        count);
  }

  /** The same, whatever becomes of the scope around; the caller closes it. */
  ScaledMatrix retained() {
    codes.retainReference();
    scales.retainReference();
    return this;
  }

  @Override
  public void close() {
    codes.close();
    scales.close();
  }

  /**
   * As float32, without padding.
   *
   * @shape result (rows, columns)
   */
  Tensor values() {
    return Scoped.result(
        () ->
            codes
                .to(torch.ScalarType.Float)
                .view(codes.size(0), -1, Tiles.SIZE)
                .mul(scales.unsqueeze(2))
                .view(codes.size(0), codes.size(1))
                .narrow(0, 0, rows)
                .narrow(1, 0, columns));
  }

  /** What the largest of a tile divided by gives the largest E4M3; 1 where all are zero. */
  static Tensor scale(Tensor largest) {
    Tensor scale = largest.to(torch.ScalarType.Float).div(new Scalar(E4m3.MAX));
    return scale.masked_fill(scale.eq(new Scalar(0)), new Scalar(1));
  }

  private static Tensor columnMajor(Tensor matrix) {
    return matrix.t().contiguous().t();
  }
}
