package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * All operands in bfloat16. Forward product and input's gradient are bfloat16 too, summed in
 * float32; the weight's gradient is float32, which a CPU computes as a product of float32.
 */
class Bf16Operands implements Operands {

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
    sum.addmm_(g.to(torch.ScalarType.Float).t(), x.to(torch.ScalarType.Float));
  }
}
