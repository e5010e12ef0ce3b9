package io.moraine.model.precision;

import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Numbers of 8 bits: sign, 4 bits of exponent (bias 7), 3 of mantissa; no infinity, NaN is all
 * ones. From 2^-9, the smallest subnormal, to 448.
 *
 * @source Micikevicius et al., FP8 formats for deep learning, 2022, arXiv:2209.05433, Table 1
 */
final class E4m3 {

  /** The largest finite value. */
  static final double MAX = 448;

  private E4m3() {}

  /**
   * The nearest E4M3 values, ties to even; what lies beyond the largest becomes the largest, NaN
   * stays. libtorch's own conversion makes NaN of what lies beyond.
   */
  static Tensor round(Tensor x) {
    return codes(x).to(torch.ScalarType.Float);
  }

  /** The same in 8 bits each. */
  static Tensor codes(Tensor x) {
    return x.clamp_min(new Scalar(-MAX))
        .clamp_max(new Scalar(MAX))
        .to(torch.ScalarType.Float8_e4m3fn);
  }
}
