package io.moraine.model.precision;

import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Products of rounded operands. The input's gradient is autograd's; the weight's is added to {@code
 * weight.grad()} by {@link BackwardProducts}.
 *
 * @param products keeps what stands behind it
 * @param operands how they are rounded
 * @param weight float32; shape (N, C)
 */
record RoundedProduct(Products products, Operands operands, Tensor weight)
    implements LinearProduct {

  @Override
  public Tensor forward(Tensor x) {
    Tensor input = operands.input(x);
    if (GradMode.is_enabled() && !input.requires_grad()) {
      // Or nothing would be called backward, and the weight had no gradient.
      input.set_requires_grad(true);
    }
    Tensor product = torch.linear(input, operand());
    if (product.requires_grad()) {
      products.hooks().put(new BackwardProducts(products, operands, weight, input), product);
    }
    return operands.result(product);
  }

  @Override
  public Tensor rounded() {
    return operand().to(torch.ScalarType.Float);
  }

  private Tensor operand() {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return operands.weight(weight);
    }
  }
}
