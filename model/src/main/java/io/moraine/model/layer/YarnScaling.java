package io.moraine.model.layer;

/**
 * YaRN: fast pairs stay, slow ones are stretched, those between a mixture; used where the model's
 * maximum length exceeds the original one.
 *
 * @param originalSequenceLength length up to which frequencies are plain ({@code original_seq_len},
 *     {@code original_max_position_embeddings})
 * @param factor by which positions are stretched; at least 1 ({@code rope_factor}, {@code factor})
 * @param betaFast rotations above which a frequency stays ({@code beta_fast})
 * @param betaSlow rotations below which a frequency is stretched whole ({@code beta_slow})
 * @param mscale weight of the correction of rotated vectors ({@code mscale})
 * @param mscaleAllDim weight of the correction of the softmax scale, which the other is divided by
 *     ({@code mscale_all_dim})
 * @source Peng et al., YaRN, 2023, arXiv:2309.00071, section 3; DeepSeek-V3 inference/model.py,
 *     precompute_freqs_cis, whose {@code mscale} is both of these
 */
public record YarnScaling(
    int originalSequenceLength,
    double factor,
    double betaFast,
    double betaSlow,
    double mscale,
    double mscaleAllDim)
    implements RotaryScaling {

  public YarnScaling {
    if (!(factor >= 1) || originalSequenceLength < 1) {
      throw new IllegalArgumentException(
          "factor must be at least 1 and original-sequence-length positive, got %s and %d"
              .formatted(factor, originalSequenceLength));
    }
    if (!(betaSlow > 0) || !(betaFast >= betaSlow) || !(mscale >= 0) || !(mscaleAllDim >= 0)) {
      throw new IllegalArgumentException(
          "beta-fast >= beta-slow > 0, mscale >= 0 and mscale-all-dim >= 0 are needed, got %s, %s, %s and %s"
              .formatted(betaFast, betaSlow, mscale, mscaleAllDim));
    }
  }

  /** Whether a model of this maximum length uses it. */
  public boolean isUsedAt(int maxSequenceLength) {
    return maxSequenceLength > originalSequenceLength;
  }

  @Override
  public double[] scaled(double[] plain, double theta, int maxSequenceLength) {
    if (!isUsedAt(maxSequenceLength)) {
      return plain;
    }
    int dim = 2 * plain.length;
    double low = Math.max(Math.floor(correctionDim(betaFast, dim, theta)), 0);
    double high = Math.min(Math.ceil(correctionDim(betaSlow, dim, theta)), dim - 1);
    double width = low == high ? 0.001 : high - low;
    double[] scaled = new double[plain.length];
    for (int pair = 0; pair < scaled.length; pair++) {
      double ramp = Math.min(1, Math.max(0, (pair - low) / width));
      scaled[pair] = plain[pair] / factor * ramp + plain[pair] * (1 - ramp);
    }
    return scaled;
  }

  /** {@code (0.1 mscaleAllDim ln factor + 1)^2} where YaRN is used. */
  @Override
  public double softmaxCorrection(int maxSequenceLength) {
    double correction = correction(mscaleAllDim);
    return isUsedAt(maxSequenceLength) ? correction * correction : 1;
  }

  /** The ratio of both corrections where YaRN is used; 1 in all published DeepSeek models. */
  @Override
  public double magnitude(int maxSequenceLength) {
    return isUsedAt(maxSequenceLength) ? correction(mscale) / correction(mscaleAllDim) : 1;
  }

  private double correction(double weight) {
    return 0.1 * weight * Math.log(factor) + 1;
  }

  /** The pair whose frequency makes this many rotations over the original length. */
  private double correctionDim(double rotations, int dim, double theta) {
    return dim
        * Math.log(originalSequenceLength / (rotations * 2 * Math.PI))
        / (2 * Math.log(theta));
  }
}
