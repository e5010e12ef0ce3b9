package io.moraine.model.layer;

import io.moraine.model.tensor.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Rotary position embedding over pairs of elements.
 *
 * @source Su et al., RoFormer, 2021, arXiv:2104.09864, Eq. 34
 */
public final class Rotary implements AutoCloseable {

  private final RotaryConfig.Layout layout;
  private final Tensor rotations;

  /** In host memory. */
  public Rotary(int dim, int maxSequenceLength, RotaryConfig config) {
    this(dim, maxSequenceLength, config, Device.CPU);
  }

  /**
   * Computes the rotations of all positions.
   *
   * @param dim size of the rotated vectors; even
   * @param maxSequenceLength number of positions
   */
  public Rotary(int dim, int maxSequenceLength, RotaryConfig config, Device device) {
    layout = config.layout();
    float[] table = config.turns(dim, maxSequenceLength);
    try (Tensor pairs = device.tensor(table, maxSequenceLength, 1, dim / 2, 2)) {
      rotations = torch.view_as_complex(pairs);
    }
  }

  /**
   * Rotates every pair of every vector by its position's angle.
   *
   * @param fromPosition position of the first of the L vectors
   * @shape x (B, L, H, dim), the H heads rotated alike; result the same
   */
  public Tensor rotate(Tensor x, int fromPosition) {
    long batch = x.size(0);
    long length = x.size(1);
    long heads = x.size(2);
    long dim = x.size(3);
    Tensor pairs =
        switch (layout) {
          case INTERLEAVED -> inPairs(x).reshape(batch, length, heads, dim / 2, 2);
          case HALVES -> x.reshape(batch, length, heads, 2, dim / 2).transpose(3, 4).contiguous();
        };
    Tensor rotated =
        torch.view_as_real(
            torch.view_as_complex(pairs).mul(rotations.narrow(0, fromPosition, length)));
    return switch (layout) {
      case INTERLEAVED -> rotated.reshape(batch, length, heads, dim);
      case HALVES -> rotated.transpose(3, 4).reshape(batch, length, heads, dim);
    };
  }

  /** Complex numbers begin at even places; a part of a wider tensor need not. */
  private static Tensor inPairs(Tensor x) {
    boolean isEven = x.storage_offset() % 2 == 0;
    for (int i = 0; i < x.dim() - 1; i++) {
      isEven &= x.stride(i) % 2 == 0;
    }
    return isEven ? x : x.contiguous();
  }

  @Override
  public void close() {
    rotations.close();
  }
}
