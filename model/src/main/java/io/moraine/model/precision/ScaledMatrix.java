package io.moraine.model.precision;

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

  /**
   * Tiles of 1 x 128.
   *
   * @shape x (R, C)
   */
  static ScaledMatrix ofRows(Tensor x) {
    Tensor padded = padded(x, ROW_ALIGNMENT);
    Tensor tiles = padded.view(padded.size(0), -1, Tiles.SIZE);
    return of(tiles, tiles.abs().amax(new long[] {2}, true), x);
  }

  /**
   * Tiles of 128 x 128, their scales said once a row.
   *
   * @shape w (R, C)
   */
  static ScaledMatrix ofBlocks(Tensor w) {
    Tensor padded = padded(w, Tiles.SIZE);
    Tensor blocks = padded.view(-1, Tiles.SIZE, padded.size(1) / Tiles.SIZE, Tiles.SIZE);
    Tensor largest = blocks.abs().amax(new long[] {1, 3}, true).expand(-1, Tiles.SIZE, -1, 1);
    Tensor tiles = padded.view(padded.size(0), -1, Tiles.SIZE);
    return of(tiles, largest.reshape(padded.size(0), -1, 1), w);
  }

  /** The transpose of one of {@link #ofBlocks}. */
  ScaledMatrix ofBlocksTransposed() {
    Tensor first = scales.view(-1, Tiles.SIZE, scales.size(1)).select(1, 0).t();
    Tensor again = first.unsqueeze(1).expand(-1, Tiles.SIZE, -1);
    return new ScaledMatrix(
        codes.t().contiguous(), columnMajor(again.reshape(codes.size(1), -1)), columns, rows);
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
    return codes
        .to(torch.ScalarType.Float)
        .view(codes.size(0), -1, Tiles.SIZE)
        .mul(scales.unsqueeze(2))
        .view(codes.size(0), codes.size(1))
        .narrow(0, 0, rows)
        .narrow(1, 0, columns);
  }

  private static ScaledMatrix of(Tensor tiles, Tensor largest, Tensor x) {
    Tensor scale = largest.to(torch.ScalarType.Float).div(new Scalar(E4m3.MAX));
    Tensor usable = scale.masked_fill(scale.eq(new Scalar(0)), new Scalar(1));
    Tensor codes = E4m3.codes(tiles.div(usable)).view(tiles.size(0), -1);
    return new ScaledMatrix(codes, columnMajor(usable.squeeze(2)), x.size(0), x.size(1));
  }

  private static Tensor columnMajor(Tensor matrix) {
    return matrix.t().contiguous().t();
  }

  private static Tensor padded(Tensor x, long rowAlignment) {
    long below = Tiles.padding(x.size(0), rowAlignment);
    long right = Tiles.padding(x.size(1), Tiles.SIZE);
    return (below + right == 0
            ? x
            : torch.constant_pad_nd(x, new long[] {0, right, 0, below}, new Scalar(0)))
        .contiguous();
  }
}
