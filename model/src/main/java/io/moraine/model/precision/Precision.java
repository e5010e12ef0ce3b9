package io.moraine.model.precision;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.NoCudaException;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What the operands of matrix products are rounded to. Weights, their gradients, the residual
 * stream, norms, the router, softmax and loss are float32 in all of them.
 */
public enum Precision {
  /** Nothing is rounded. */
  FLOAT32,
  /** Operands in bfloat16, summed in float32. */
  BF16,
  /** As BF16, but the three products of linear layers have operands in E4M3, scaled by tiles. */
  FP8;

  /** Of what FP8 leaves in bfloat16: the output head and the projection of a prediction module. */
  public Precision aboveFp8() {
    return this == FP8 ? BF16 : this;
  }

  /**
   * Asks a device whether it multiplies so.
   *
   * @throws NoCudaException if it does not
   */
  public void requireOn(Device device) {
    if (this == FP8 && device.hasTensorCores()) {
      ScaledMultiplication.on(device).requireOn(device);
    }
  }

  /**
   * An operand of attention's products, which FP8 leaves in bfloat16: rounded. On a GPU it is
   * bfloat16, which the fused kernels take; else float32, because libtorch's attention over
   * bfloat16 is slow on a CPU.
   */
  public Tensor operand(Tensor x) {
    if (this == FLOAT32) {
      return x;
    }
    Tensor rounded = x.to(torch.ScalarType.BFloat16);
    return x.is_cuda() ? rounded : rounded.to(torch.ScalarType.Float);
  }
}
