package io.moraine.model.precision;

import io.moraine.model.tensor.GradientHook;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The three products of a linear layer on matrices of E4M3: those of {@link Fp8Operands},
 * multiplied as they are and not as float32. libtorch has no gradient of such a product: for
 * autograd the result depends on an empty part of the input; a hook on the result computes both
 * gradients, and one on the input puts the input's in the place of what autograd made of that part.
 *
 * @param products keeps what stands behind it
 * @param multiplication of the matrices
 * @param weight of shape (N, C)
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3
 */
record ScaledProduct(Products products, ScaledMultiplication multiplication, ScaledWeight weight)
    implements LinearProduct {

  ScaledProduct(Products products, ScaledMultiplication multiplication, Tensor weight) {
    this(products, multiplication, products.scaled(weight));
  }

  @Override
  public Tensor forward(Tensor x) {
    Tensor rounded = x.to(torch.ScalarType.BFloat16);
    if (!GradMode.is_enabled()) {
      return product(ScaledMatrix.ofRows(rounded)).to(torch.ScalarType.Float);
    }
    if (!rounded.requires_grad()) {
      rounded.set_requires_grad(true);
    }
    ScaledMatrix input;
    Tensor product;
    try (NoGradGuard noGradient = new NoGradGuard()) {
      input = ScaledMatrix.ofRows(rounded);
      product = product(input);
    }
    Tensor end = rounded.view_as(rounded);
    Tensor joined = torch.cat(new TensorVector(end.narrow(1, 0, 0), product), 1);
    OfInput ofInput = new OfInput(products);
    products.hooks().put(new Gradients(this, input, ofInput), joined);
    products.hooks().put(ofInput, end);
    return joined.to(torch.ScalarType.Float);
  }

  @Override
  public Tensor rounded() {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return weight.matrix().values();
    }
  }

  private Tensor product(ScaledMatrix input) {
    return multiplication.multiply(input, weight.matrix(), torch.ScalarType.BFloat16);
  }

  /** Of one forward product; what it finds for the input it leaves with {@link OfInput}. */
  private static final class Gradients extends GradientHook {

    private final ScaledProduct layer;
    private final ScaledMatrix input;
    private final OfInput ofInput;

    Gradients(ScaledProduct layer, ScaledMatrix input, OfInput ofInput) {
      super(layer.products.hooks());
      this.layer = layer;
      this.input = input.retained();
      this.ofInput = ofInput;
    }

    @Override
    protected Tensor answer(Tensor gradient) {
      try (NoGradGuard noGradient = new NoGradGuard()) {
        ofInput.gradient =
            Optional.of(
                layer
                    .multiplication
                    .multiply(
                        ScaledMatrix.ofRows(gradient),
                        layer.weight.transposed(),
                        torch.ScalarType.BFloat16)
                    .retainReference());
        Tensor ofWeight =
            layer.multiplication.multiply(
                ScaledMatrix.ofRows(gradient.t()),
                ScaledMatrix.ofRows(input.values().t()),
                torch.ScalarType.Float);
        layer.weight.tensor().grad().add_(ofWeight);
      }
      return gradient;
    }

    @Override
    protected void free() {
      input.close();
    }
  }

  /** Answers with the input's gradient; called after {@link Gradients}. */
  private static final class OfInput extends GradientHook {

    private Optional<Tensor> gradient = Optional.empty();

    OfInput(Products products) {
      super(products.hooks());
    }

    @Override
    protected Tensor answer(Tensor ofNothing) {
      return gradient.orElseThrow();
    }

    @Override
    protected void free() {
      gradient.ifPresent(Tensor::close);
    }
  }
}
