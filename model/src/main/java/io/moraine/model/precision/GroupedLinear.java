package io.moraine.model.precision;

import io.moraine.model.tensor.GradientHook;
import io.moraine.model.tensor.Operator;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.IValue;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The same linear layer of many experts, in bfloat16: rows that are sorted by expert, each
 * multiplied with its expert's weight, in one operation. A processor computes as many products as
 * there are experts; a GPU one, which does not wait for their numbers.
 */
public final class GroupedLinear {

  /** Elements of a row that a GPU wants divisible: 16 bytes. */
  public static final int ALIGNMENT = 8;

  private final Products products;
  private final Tensor weights;
  private final Tensor gradients;

  GroupedLinear(Products products, Tensor weights, Tensor gradients) {
    this.products = products;
    this.weights = weights;
    this.gradients = gradients;
  }

  /**
   * The products.
   *
   * @param load rows of each expert, int64; shape (E)
   * @param ends the row behind each expert's last, int32; shape (E)
   * @shape x (S, C); result (S, N), float32
   */
  public Tensor forward(Tensor x, Tensor load, Tensor ends) {
    Tensor input = x.to(torch.ScalarType.BFloat16);
    if (GradMode.is_enabled() && !input.requires_grad()) {
      input.set_requires_grad(true);
    }
    Tensor product = multiply(input, weight(), ends);
    if (product.requires_grad()) {
      products.hooks().put(new Backward(this, input, load, ends), product);
    }
    return product.to(torch.ScalarType.Float);
  }

  private Tensor weight() {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return weights.to(torch.ScalarType.BFloat16).contiguous().transpose(1, 2);
    }
  }

  private static Tensor multiply(Tensor a, Tensor b, Tensor ends) {
    return Operator.call(
        "aten::_grouped_mm",
        new IValue(a),
        new IValue(b),
        new IValue(ends),
        new IValue(),
        new IValue());
  }

  /** Adds the weights' gradients of one forward product; the input's is autograd's. */
  private static final class Backward extends GradientHook {

    private final GroupedLinear layer;
    private final Tensor input;
    private final Tensor load;
    private final Tensor ends;

    Backward(GroupedLinear layer, Tensor input, Tensor load, Tensor ends) {
      super(layer.products.hooks());
      this.layer = layer;
      this.input = input.detach().retainReference();
      this.load = load.detach().retainReference();
      this.ends = ends.detach().retainReference();
    }

    @Override
    protected Tensor answer(Tensor gradient) {
      try (NoGradGuard noGradient = new NoGradGuard()) {
        Tensor g = gradient.contiguous();
        Tensor products = multiply(g.t(), input, ends).to(torch.ScalarType.Float);
        // Of an expert without rows there is no sum, and what stands there is not said.
        Tensor rests = load.eq(new Scalar(0)).view(-1, 1, 1);
        layer.gradients.add_(products.masked_fill(rests, new Scalar(0)));
      }
      return gradient;
    }

    @Override
    protected void free() {
      input.close();
      load.close();
      ends.close();
    }
  }
}
