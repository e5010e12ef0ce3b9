package io.moraine.model.precision;

import io.moraine.model.tensor.Scoped;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Weights of one shape in E4M3, all rounded in the same operations: a float32 scale for every 128 x
 * 128 of each, said once a row, so that each is a {@link ScaledMatrix}. Padded with zeros to
 * multiples of 128.
 *
 * @param codes E4M3; shape (E, R', C')
 * @param scales float32; shape (E, C' / 128, R')
 * @param rows of each without padding
 * @param columns of each without padding
 */
record ScaledStack(Tensor codes, Tensor scales, long rows, long columns) implements AutoCloseable {

  /**
   * Rounds them.
   *
   * @shape w (E, R, C)
   */
  static ScaledStack of(Tensor w) {
    long below = Tiles.padding(w.size(1), Tiles.SIZE);
    long right = Tiles.padding(w.size(2), Tiles.SIZE);
    Tensor padded =
        below + right == 0
            ? w
            : torch.constant_pad_nd(w, new long[] {0, right, 0, below}, new Scalar(0));
    long height = padded.size(1) / Tiles.SIZE;
    long width = padded.size(2) / Tiles.SIZE;
    Tensor blocks = padded.contiguous().view(-1, height, Tiles.SIZE, width, Tiles.SIZE);
    Tensor scale =
        Scoped.result(() -> ScaledMatrix.scale(blocks.abs().amax(new long[] {2, 4}, true)));
    Tensor codes = Scoped.result(() -> E4m3.codes(blocks.div(scale)).view_as(padded));
    Tensor saidPerRow = saidPerRow(scale.view(-1, height, width));
    return new ScaledStack(codes, saidPerRow, w.size(1), w.size(2));
  }

  /** Their transposes. */
  ScaledStack transposed() {
    Tensor once = scales.view(codes.size(0), scales.size(1), -1, Tiles.SIZE).select(3, 0);
    return new ScaledStack(codes.transpose(1, 2).contiguous(), saidPerRow(once), columns, rows);
  }

  /** One of them. */
  ScaledMatrix matrix(int index) {
    return new ScaledMatrix(codes.select(0, index), scales.select(0, index).t(), rows, columns);
  }

  /** Scales of blocks, (E, R' / 128, C' / 128), as those of rows, (E, C' / 128, R'). */
  private static Tensor saidPerRow(Tensor scales) {
    Tensor turned = scales.transpose(1, 2).unsqueeze(3);
    // Where there is one block a row, reshape alone gives a view with a stride of 0.
    return turned
        .expand(-1, -1, -1, Tiles.SIZE)
        .reshape(turned.size(0), turned.size(1), -1)
        .contiguous();
  }

  /** The same, whatever becomes of the scope around; the caller closes it. */
  ScaledStack retained() {
    codes.retainReference();
    scales.retainReference();
    return this;
  }

  @Override
  public void close() {
    codes.close();
    scales.close();
  }
}
