package io.moraine.model.precision;

import io.moraine.model.tensor.GradientHook;
import org.bytedeco.pytorch.Tensor;

/**
 * Stands behind one forward product: adds the weight's gradient in float32, and hands on the
 * result's gradient as the input's gradient sees it.
 */
final class BackwardProducts extends GradientHook {

  private final Operands operands;
  private final Tensor weight;
  private final Tensor input;

  /**
   * Of one product.
   *
   * @param weight whose {@code grad} is added to
   * @param input as the forward product saw it
   */
  BackwardProducts(Products products, Operands operands, Tensor weight, Tensor input) {
    super(products.hooks());
    this.operands = operands;
    this.weight = weight;
    this.input = input.detach().retainReference();
  }

  @Override
  protected Tensor answer(Tensor gradient) {
    operands.addWeightGradient(weight.grad(), gradient, input);
    input.close();
    return operands.gradient(gradient);
  }

  @Override
  protected void free() {
    input.close();
  }
}
