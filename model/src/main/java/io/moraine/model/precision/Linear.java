package io.moraine.model.precision;

import java.util.Optional;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A linear layer without bias: {@code x w'}. Its weight is float32; below float32 its gradient is
 * added to {@code weight.grad()} by {@link BackwardProducts}, not by autograd.
 */
public final class Linear {

  private final Products products;
  private final Tensor weight;
  private final Optional<Operands> operands;

  Linear(Products products, Tensor weight, Precision precision) {
    this.products = products;
    this.weight = weight;
    this.operands =
        switch (precision) {
          case FLOAT32 -> Optional.empty();
          case BF16 -> Optional.of(new Bf16Operands());
          case FP8 -> Optional.of(new Fp8Operands());
        };
  }

  /**
   * The product.
   *
   * @shape x (T, C); result (T, N); both float32
   */
  public Tensor forward(Tensor x) {
    return operands.map(rounded -> forward(x, rounded)).orElseGet(() -> torch.linear(x, weight));
  }

  /**
   * The weight as products see it, as float32, without gradient below float32.
   *
   * @shape result (N, C)
   */
  public Tensor rounded() {
    return operands.map(this::rounded).orElse(weight);
  }

  private Tensor forward(Tensor x, Operands rounded) {
    Tensor input = rounded.input(x);
    if (GradMode.is_enabled() && !input.requires_grad()) {
      // Or nothing would be called backward, and the weight had no gradient.
      input.set_requires_grad(true);
    }
    Tensor product = torch.linear(input, weight(rounded));
    if (product.requires_grad()) {
      products.whenBackward(product, new BackwardProducts(products, rounded, weight, input));
    }
    return rounded.result(product);
  }

  private Tensor weight(Operands rounded) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return rounded.weight(weight);
    }
  }

  private Tensor rounded(Operands rounded) {
    return weight(rounded).to(torch.ScalarType.Float);
  }
}
