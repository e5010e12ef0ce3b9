package io.moraine.model.reduction;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** {@code fp32}: the memory itself. */
record TensorFp32() implements TensorCodec {

  @Override
  public Tensor encode(Tensor values) {
    return values.view(torch.ScalarType.Byte);
  }

  @Override
  public Tensor decode(Tensor bytes) {
    return bytes.view(torch.ScalarType.Float);
  }
}
