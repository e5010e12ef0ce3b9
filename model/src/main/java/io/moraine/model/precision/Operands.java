package io.moraine.model.precision;

import org.bytedeco.pytorch.Tensor;

/**
 * What the three products of a linear layer {@code y = x w'} multiply: {@code x w'} forward, {@code
 * g w} for the input's gradient and {@code g' x} for the weight's.
 */
interface Operands {

  /**
   * The input as the forward product sees it; gradients pass as if nothing was rounded.
   *
   * @shape x (T, C); result (T, C)
   */
  Tensor input(Tensor x);

  /**
   * The weight as the forward product and the input's gradient see it.
   *
   * @shape w (N, C); result (N, C)
   */
  Tensor weight(Tensor w);

  /** The forward product as float32; passes the gradient on in bfloat16. */
  Tensor result(Tensor y);

  /**
   * The result's gradient as the input's gradient sees it.
   *
   * @shape g (T, N); result (T, N)
   */
  Tensor gradient(Tensor g);

  /**
   * Adds the weight's gradient.
   *
   * @param sum float32, changed; shape (N, C)
   * @param g the result's gradient; shape (T, N)
   * @param x what {@link #input} gave; shape (T, C)
   */
  void addWeightGradient(Tensor sum, Tensor g, Tensor x);
}
