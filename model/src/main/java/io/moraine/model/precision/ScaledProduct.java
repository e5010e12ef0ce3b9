package io.moraine.model.precision;

import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.GradMode;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;
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
 * @param weight float32; shape (N, C)
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3
 */
record ScaledProduct(Products products, ScaledMultiplication multiplication, Tensor weight)
    implements LinearProduct {

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
    Gradients gradients = new Gradients(this, input);
    joined.register_hook(gradients);
    end.register_hook(gradients.ofInput);
    products.whenBackward(gradients);
    return joined.to(torch.ScalarType.Float);
  }

  @Override
  public Tensor rounded() {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      return ScaledMatrix.ofBlocks(weight.detach()).values();
    }
  }

  private Tensor product(ScaledMatrix input) {
    return multiplication.multiply(
        input, ScaledMatrix.ofBlocks(weight.detach()), torch.ScalarType.BFloat16);
  }

  /** Of one forward product; called once, then asked once by {@link OfInput}. */
  private static final class Gradients extends TensorTensorHook implements Behind {

    private final ScaledProduct layer;
    private final Tensor codes;
    private final Tensor scales;
    private final long rows;
    private final long columns;
    private final OfInput ofInput = new OfInput(this);
    private Tensor inputGradient = new Tensor();

    Gradients(ScaledProduct layer, ScaledMatrix input) {
      this.layer = layer;
      this.codes = input.codes().retainReference();
      this.scales = input.scales().retainReference();
      this.rows = input.rows();
      this.columns = input.columns();
    }

    @Override
    public TensorBase call(TensorBase gradient) {
      Tensor g = new Tensor(gradient);
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        ScaledMatrix input = new ScaledMatrix(codes, scales, rows, columns);
        ScaledMatrix transposed = ScaledMatrix.ofBlocks(layer.weight.detach()).ofBlocksTransposed();
        inputGradient =
            layer
                .multiplication
                .multiply(ScaledMatrix.ofRows(g), transposed, torch.ScalarType.BFloat16)
                .retainReference();
        Tensor ofWeight =
            layer.multiplication.multiply(
                ScaledMatrix.ofRows(g.t()),
                ScaledMatrix.ofRows(input.values().t()),
                torch.ScalarType.Float);
        layer.weight.grad().add_(ofWeight);
      }
      g.close();
      return gradient;
    }

    @Override
    public void retain() {
      retainReference();
      ofInput.retainReference();
    }

    @Override
    public void release() {
      codes.close();
      scales.close();
      inputGradient.close();
      ofInput.close();
      close();
    }
  }

  /** Answers with the input's gradient. */
  private static final class OfInput extends TensorTensorHook {

    private final Gradients gradients;

    OfInput(Gradients gradients) {
      this.gradients = gradients;
    }

    @Override
    public TensorBase call(TensorBase ofNothing) {
      gradients.layer.products.called(gradients);
      return gradients.inputGradient;
    }
  }
}
