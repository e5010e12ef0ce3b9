package io.moraine.model.layer;

/**
 * Rotary positions and their YaRN extension.
 *
 * @param theta base of the frequencies ({@code rope_theta})
 * @param originalSequenceLength length up to which frequencies are plain ({@code original_seq_len})
 * @param factor by which YaRN stretches positions ({@code rope_factor})
 * @param betaFast rotations above which a frequency stays ({@code beta_fast})
 * @param betaSlow rotations below which a frequency is stretched whole ({@code beta_slow})
 * @param mscale weight of YaRN's correction of the softmax scale ({@code mscale})
 */
public record RotaryConfig(
    double theta,
    int originalSequenceLength,
    double factor,
    double betaFast,
    double betaSlow,
    double mscale) {

  public RotaryConfig {
    if (!(theta > 0) || !(factor > 0) || originalSequenceLength < 1) {
      throw new IllegalArgumentException(
          "theta, factor and original-sequence-length must be positive, got %s, %s and %d"
              .formatted(theta, factor, originalSequenceLength));
    }
  }

  /** Whether a model of this maximum length uses YaRN. */
  public boolean isExtended(int maxSequenceLength) {
    return maxSequenceLength > originalSequenceLength;
  }

  /** What YaRN multiplies the softmax scale with; 1 without YaRN. */
  public double softmaxCorrection(int maxSequenceLength) {
    double correction = 0.1 * mscale * Math.log(factor) + 1;
    return isExtended(maxSequenceLength) ? correction * correction : 1;
  }
}
