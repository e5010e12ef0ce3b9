package io.moraine.model.reduction;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** {@code bf16}, on integers: libtorch's own conversion makes one NaN of all. */
record TensorBf16() implements TensorCodec {

  private static final int BITS = 16;

  /** Half of bfloat16's last bit, less one. */
  private static final int BELOW_HALF = 0x7fff;

  private static final int QUIET = 0x40;

  @Override
  public Tensor encode(Tensor values) {
    Tensor bits = values.view(torch.ScalarType.Int);
    Tensor isNaN = bits.bitwise_and(new Scalar(ABSOLUTE)).gt(new Scalar(INFINITY));
    Tensor high = bits.bitwise_right_shift(new Scalar(BITS));
    Tensor odd = high.bitwise_and(new Scalar(1));
    Tensor rounded =
        bits.masked_fill(isNaN, new Scalar(0))
            .add(odd)
            .add(new Scalar(BELOW_HALF))
            .bitwise_right_shift(new Scalar(BITS));
    return torch
        .where(isNaN, high.bitwise_or(new Scalar(QUIET)), rounded)
        .to(torch.ScalarType.Short)
        .view(torch.ScalarType.Byte);
  }

  @Override
  public Tensor decode(Tensor bytes) {
    return bytes
        .view(torch.ScalarType.Short)
        .to(torch.ScalarType.Int)
        .bitwise_left_shift(new Scalar(BITS))
        .view(torch.ScalarType.Float);
  }
}
