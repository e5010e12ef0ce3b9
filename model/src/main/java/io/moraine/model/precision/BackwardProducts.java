package io.moraine.model.precision;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;

/**
 * Stands behind one forward product: adds the weight's gradient in float32, and hands on the
 * result's gradient as the input's gradient sees it. Called once, by the thread that runs backward.
 */
final class BackwardProducts extends TensorTensorHook implements Behind {

  private final Products products;
  private final Operands operands;
  private final Tensor weight;
  private final Tensor input;
  private Tensor handedOn;

  /**
   * Of one product.
   *
   * @param weight whose {@code grad} is added to
   * @param input as the forward product saw it
   */
  BackwardProducts(Products products, Operands operands, Tensor weight, Tensor input) {
    this.products = products;
    this.operands = operands;
    this.weight = weight;
    this.input = input.detach().retainReference();
    this.handedOn = new Tensor();
  }

  @Override
  public TensorBase call(TensorBase gradient) {
    try (PointerScope scope = new PointerScope()) {
      Tensor g = new Tensor(gradient);
      operands.addWeightGradient(weight.grad(), g, input);
      handedOn.close();
      handedOn = operands.gradient(g).retainReference();
    }
    input.close();
    products.called(this);
    return handedOn;
  }

  @Override
  public void retain() {
    retainReference();
  }

  @Override
  public void release() {
    input.close();
    handedOn.close();
    close();
  }
}
