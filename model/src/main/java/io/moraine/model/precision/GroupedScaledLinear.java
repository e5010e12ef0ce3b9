package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;

/**
 * The same linear layer of many experts on matrices of E4M3: a product for each expert that has
 * rows, but all rows, and all weights, rounded in the same operations.
 */
public final class GroupedScaledLinear {

  private final ScaledProduct product;

  GroupedScaledLinear(ScaledProduct product) {
    this.product = product;
  }

  /**
   * The products.
   *
   * @param input (S, C)
   * @shape result (S, N), float32
   */
  public Tensor forward(ScaledInput input) {
    return product.forward(input);
  }
}
