package io.moraine.model.precision;

import io.moraine.model.tensor.Device;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * A linear layer without bias: {@code x w'}. Its weight is float32; below float32 its gradient is
 * added to {@code weight.grad()} by a hook, not by autograd.
 */
public final class Linear {

  private final LinearProduct product;

  Linear(Products products, Tensor weight, Precision precision, Device device) {
    this.product =
        switch (precision) {
          case FLOAT32 -> new Float32Product(weight);
          case BF16 ->
              new RoundedProduct(
                  products,
                  device.isCuda() ? new TensorCoreBf16Operands() : new Bf16Operands(),
                  weight);
          case FP8 ->
              device.hasTensorCores()
                  ? new ScaledProduct(products, ScaledMultiplication.on(device), weight)
                  : new RoundedProduct(products, new Fp8Operands(), weight);
        };
  }

  /**
   * The product.
   *
   * @shape x (T, C); result (T, N); float32
   */
  public Tensor forward(Tensor x) {
    return product.forward(x);
  }

  /**
   * The weight as products see it, as float32, without gradient below float32.
   *
   * @shape result (N, C)
   */
  public Tensor rounded() {
    return product.rounded();
  }

  /** Nothing is rounded, and all is autograd's. */
  private record Float32Product(Tensor weight) implements LinearProduct {

    @Override
    public Tensor forward(Tensor x) {
      return torch.linear(x, weight);
    }

    @Override
    public Tensor rounded() {
      return weight;
    }
  }
}
