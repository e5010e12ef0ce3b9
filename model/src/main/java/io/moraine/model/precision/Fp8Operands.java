package io.moraine.model.precision;

import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * All operands in E4M3: activations and gradients in tiles of 1 x 128 along what a product sums
 * over, weights in 128 x 128. Rounded values are multiplied in float32, which is at least as exact
 * as Hopper's tensor cores with sums promoted every 128 elements.
 *
 * <p>Tiles of the input's gradient lie along the outputs, those of the weight's along tokens. The
 * input is kept in E4M3 for the latter, so it is rounded twice; the gradient is at hand in bfloat16
 * and is rounded once for each.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 3.3; 3.5.2 (tiles transposed)
 */
final class Fp8Operands implements Operands {

  @Override
  public Tensor input(Tensor x) {
    Tensor copy = x.to(torch.ScalarType.BFloat16).to(torch.ScalarType.Float);
    try (NoGradGuard noGradient = new NoGradGuard()) {
      copy.copy_(Tiles.ofRows(copy));
    }
    return copy;
  }

  @Override
  public Tensor weight(Tensor w) {
    return Tiles.ofBlocks(w);
  }

  @Override
  public Tensor result(Tensor y) {
    return y.to(torch.ScalarType.BFloat16).to(torch.ScalarType.Float);
  }

  @Override
  public Tensor gradient(Tensor g) {
    return Tiles.ofRows(g);
  }

  @Override
  public void addWeightGradient(Tensor sum, Tensor g, Tensor x) {
    sum.addmm_(Tiles.ofRows(g.t()), Tiles.ofRows(x.t()).t());
  }
}
