package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The same for a GPU: the weight's gradient is a product of bfloat16 too, whose result tensor cores
 * give in float32.
 */
final class TensorCoreBf16Operands extends Bf16Operands {

  @Override
  public void addWeightGradient(Tensor sum, Tensor g, Tensor x) {
    sum.add_(torch.mm(g.t(), x, torch.ScalarType.Float));
  }
}
