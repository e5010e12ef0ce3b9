package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;

/** How a linear layer multiplies. */
interface LinearProduct {

  /**
   * The product.
   *
   * @shape x (T, C); result (T, N), float32
   */
  Tensor forward(Tensor x);

  /**
   * The weight as {@link #forward} sees it, as float32.
   *
   * @shape result (N, C)
   */
  Tensor rounded();
}
