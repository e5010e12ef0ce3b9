package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * As {@link Bf16Operands} for a GPU: the weight's gradient is a product of bfloat16 too, whose
 * result tensor cores give in float32.
 */
final class TensorCoreBf16Operands implements Operands {

  @Override
  public Tensor input(Tensor x) {
    return x.to(torch.ScalarType.BFloat16);
  }

  @Override
  public Tensor weight(Tensor w) {
    return w.to(torch.ScalarType.BFloat16);
  }

  @Override
  public Tensor result(Tensor y) {
    return y.to(torch.ScalarType.Float);
  }

  @Override
  public Tensor gradient(Tensor g) {
    return g;
  }

  @Override
  public void addWeightGradient(Tensor sum, Tensor g, Tensor x) {
    sum.add_(torch.mm(g.t(), x, torch.ScalarType.Float));
  }
}
