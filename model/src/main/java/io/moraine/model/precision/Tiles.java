package io.moraine.model.precision;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Matrices rounded to E4M3 with one float32 scale per tile, {@code absmax / 448}, computed from the
 * values at hand; the last tile of a row or column may be smaller.
 *
 * <p>Results are float32: the E4M3 value times its scale, as the product sees it.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3.2 (fine-grained
 *     quantization, online quantization)
 */
final class Tiles {

  /** Side of a tile. */
  static final int SIZE = 128;

  private Tiles() {}

  /**
   * Tiles of 1 x 128: along a row.
   *
   * @shape x (T, C); result (T, C)
   */
  static Tensor ofRows(Tensor x) {
    long rows = x.size(0);
    long columns = x.size(1);
    long side = Math.min(SIZE, columns);
    long padding = padding(columns, side);
    Tensor padded = padding == 0 ? x : torch.constant_pad_nd(x, 0, padding);
    Tensor tiles = padded.reshape(rows, (columns + padding) / side, side);
    return rounded(tiles, 2).view(rows, columns + padding).narrow(1, 0, columns);
  }

  /**
   * Tiles of 128 x 128.
   *
   * @shape w (N, C); result (N, C)
   */
  static Tensor ofBlocks(Tensor w) {
    long rows = w.size(0);
    long columns = w.size(1);
    long height = Math.min(SIZE, rows);
    long width = Math.min(SIZE, columns);
    long below = padding(rows, height);
    long right = padding(columns, width);
    Tensor padded =
        below + right == 0
            ? w
            : torch.constant_pad_nd(w, new long[] {0, right, 0, below}, new Scalar(0));
    Tensor tiles =
        padded.reshape((rows + below) / height, height, (columns + right) / width, width);
    return rounded(tiles, 1, 3)
        .view(rows + below, columns + right)
        .narrow(0, 0, rows)
        .narrow(1, 0, columns);
  }

  /** The next multiple of a side. */
  static long aligned(long length, long side) {
    return length + padding(length, side);
  }

  static long padding(long length, long side) {
    return (side - length % side) % side;
  }

  /** Rounds with one scale over all elements along some dimensions; 1 where they are all zero. */
  private static Tensor rounded(Tensor tiles, long... dimensions) {
    Tensor largest = tiles.abs().amax(dimensions, true);
    Tensor scale = largest.div(new Scalar(E4m3.MAX));
    Tensor usable = scale.masked_fill(scale.eq(new Scalar(0)), new Scalar(1));
    return E4m3.round(tiles.div(usable)).mul(usable);
  }
}
