package io.moraine.model.precision;

import io.moraine.model.tensor.GradientHook;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The three products of linear layers on matrices of E4M3: those of {@link Fp8Operands}, multiplied
 * as they are and not as float32. libtorch has no gradient of such a product: for autograd the
 * result depends on an empty part of the input; a hook on the result computes both gradients, and
 * one on the input puts the input's in the place of what autograd made of that part.
 *
 * @param products keeps what stands behind it
 * @param multiplication of the matrices
 * @param weights each of shape (N, C)
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3
 */
record ScaledProduct(Products products, ScaledMultiplication multiplication, ScaledWeight weights)
    implements LinearProduct {

  /** Of one weight, (N, C), or of one for each expert, (E, N, C). */
  ScaledProduct(Products products, ScaledMultiplication multiplication, Tensor weights) {
    this(products, multiplication, products.scaled(weights));
  }

  /** {@inheritDoc} Of one weight. */
  @Override
  public Tensor forward(Tensor x) {
    return forward(ScaledInput.ofOne(x));
  }

  /**
   * The products of each weight and its rows.
   *
   * @shape result (S, N); float32
   */
  Tensor forward(ScaledInput input) {
    if (!GradMode.is_enabled()) {
      return product(input).to(torch.ScalarType.Float);
    }
    Tensor rounded = input.x().to(torch.ScalarType.BFloat16);
    if (!rounded.requires_grad()) {
      rounded.set_requires_grad(true);
    }
    Tensor product;
    try (NoGradGuard noGradient = new NoGradGuard()) {
      product = product(input);
    }
    Tensor end = rounded.view_as(rounded);
    Tensor joined = torch.cat(new TensorVector(end.narrow(1, 0, 0), product), 1);
    OfInput ofInput = new OfInput(products);
    products.hooks().put(new Gradients(this, input, ofInput), joined);
    products.hooks().put(ofInput, end);
    return joined.to(torch.ScalarType.Float);
  }

  /** {@inheritDoc} Of one weight. */
  @Override
  public Tensor rounded() {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return weights.straight().matrix(0).values();
    }
  }

  private Tensor product(ScaledInput input) {
    return product(input.rows(), input.byExpert(), weights.straight());
  }

  /**
   * Each expert's rows times its weight, one behind the other.
   *
   * @shape result (S, N); bfloat16
   */
  private Tensor product(SortedRows rows, ScaledMatrix[] byExpert, ScaledStack stack) {
    List<Tensor> products = new ArrayList<>();
    rows.forEach(
        (expert, first, count) ->
            products.add(
                multiplication.multiply(
                    byExpert[expert], stack.matrix(expert), torch.ScalarType.BFloat16)));
    return products.size() == 1
        ? products.get(0)
        : torch.cat(new TensorVector(products.toArray(Tensor[]::new)), 0);
  }

  /** Of one forward product; what it finds for the input it leaves with {@link OfInput}. */
  private static final class Gradients extends GradientHook {

    private final ScaledProduct layer;
    private final SortedRows rows;
    private final ScaledMatrix right;
    private final OfInput ofInput;

    Gradients(ScaledProduct layer, ScaledInput input, OfInput ofInput) {
      super(layer.products.hooks());
      this.layer = layer;
      this.rows = input.rows().retained();
      this.right = input.transposed().retained();
      this.ofInput = ofInput;
    }

    @Override
    protected Tensor answer(Tensor gradient) {
      try (NoGradGuard noGradient = new NoGradGuard()) {
        Tensor padded = rows.padded(gradient);
        ScaledMatrix[] byExpert = rows.byExpert(ScaledMatrix.ofRows(padded));
        ofInput.gradient =
            Optional.of(
                layer.product(rows, byExpert, layer.weights.transposed()).retainReference());
        ScaledMatrix left = ScaledMatrix.ofRows(padded.t());
        rows.forEach(
            (expert, first, count) ->
                layer.weights.addGradient(
                    expert,
                    layer.multiplication.multiply(
                        left.columns(first, count),
                        right.columns(first, count),
                        torch.ScalarType.Float)));
      }
      return gradient;
    }

    @Override
    protected void free() {
      rows.close();
      right.close();
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
