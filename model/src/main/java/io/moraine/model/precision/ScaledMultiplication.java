package io.moraine.model.precision;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.NoCudaException;
import io.moraine.model.tensor.Operator;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Multiplies matrices of E4M3 with their scales. */
interface ScaledMultiplication {

  /** Of a small product's result, against its largest element; bfloat16 rounds to 2^-9 of each. */
  double TOLERANCE = 1e-2;

  /**
   * {@code a b'}, without the padding of either.
   *
   * @param type of the result: bfloat16 or float32
   * @shape a (M, K), b (N, K); result (M, N)
   */
  Tensor multiply(ScaledMatrix a, ScaledMatrix b, torch.ScalarType type);

  /**
   * Holds a small product against the emulation: scales of 1 x 128 are known to libtorch for GPUs
   * of one generation alone.
   *
   * @throws NoCudaException if it fails or comes out otherwise
   */
  default void requireOn(Device device) {
    String fault;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      double off = 0;
      // With one tile a row libtorch sees a scale a row, and asks for another product.
      for (int tiles = 1; tiles <= 2; tiles++) {
        off = Math.max(off, distance(device, tiles, torch.ScalarType.BFloat16));
        off = Math.max(off, distance(device, tiles, torch.ScalarType.Float));
      }
      if (off <= TOLERANCE) {
        return;
      }
      fault = "comes out wrong by %.1f %%".formatted(100 * off);
    } catch (RuntimeException e) {
      fault = "fails: " + String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
    throw new NoCudaException(
        "model.precision = fp8 wants a Hopper GPU (compute capability 9.x), and on %s a small product of E4M3 %s. Use bf16, or the processor, which emulates fp8"
            .formatted(device, fault));
  }

  private double distance(Device device, int tiles, torch.ScalarType type) {
    ScaledMatrix a = ScaledMatrix.ofRows(sample(device, tiles, 37));
    ScaledMatrix b = ScaledMatrix.ofRows(sample(device, tiles, 23));
    Tensor expected = EMULATED.multiply(a, b, torch.ScalarType.Float);
    Tensor apart = multiply(a, b, type).to(torch.ScalarType.Float).sub(expected).abs().max();
    double off = apart.item_float() / expected.abs().max().item_float();
    return Double.isNaN(off) ? Double.POSITIVE_INFINITY : off;
  }

  /** The smallest of so many tiles a row, each with a scale of its own; shape (16, 128 tiles). */
  private static Tensor sample(Device device, int tiles, int step) {
    int rows = 16;
    int columns = tiles * Tiles.SIZE;
    float[] values = new float[rows * columns];
    for (int i = 0; i < values.length; i++) {
      int tile = i / Tiles.SIZE;
      values[i] = (i * step % 61 - 30) * (1 + tile % 3);
    }
    return device.tensor(values, rows, columns);
  }

  /** In the form that a device has. */
  static ScaledMultiplication on(Device device) {
    return device.isCuda() ? ON_TENSOR_CORES : EMULATED;
  }

  /** On tensor cores, sums promoted to float32 as cuBLAS does for scales of 1 x 128. */
  ScaledMultiplication ON_TENSOR_CORES =
      (a, b, type) ->
          Operator.call(
                  "aten::_scaled_mm",
                  new IValue(a.codes()),
                  new IValue(b.codes().t()),
                  new IValue(a.scales()),
                  new IValue(b.scales().t()),
                  new IValue(),
                  new IValue(),
                  new IValue(type),
                  new IValue(false))
              .narrow(0, 0, a.rows())
              .narrow(1, 0, b.rows());

  /** In float32, as a processor without such cores does it. */
  ScaledMultiplication EMULATED = (a, b, type) -> torch.matmul(a.values(), b.values().t()).to(type);
}
