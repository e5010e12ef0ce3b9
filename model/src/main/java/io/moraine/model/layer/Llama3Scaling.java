package io.moraine.model.layer;

/**
 * Llama 3.1's scaling: wavelengths up to {@code originalSequenceLength / highFrequencyFactor} stay,
 * those above {@code originalSequenceLength / lowFrequencyFactor} are stretched, between them
 * frequencies are mixed linearly in the number of rotations over the original length.
 *
 * @param originalSequenceLength ({@code original_max_position_embeddings})
 * @param factor by which long wavelengths are stretched; at least 1 ({@code factor})
 * @param lowFrequencyFactor rotations below which a frequency is stretched whole ({@code
 *     low_freq_factor})
 * @param highFrequencyFactor rotations above which a frequency stays ({@code high_freq_factor})
 * @source Llama team, The Llama 3 herd of models, 2024, arXiv:2407.21783, section 3.4.2; Hugging
 *     Face transformers, rope type llama3
 */
public record Llama3Scaling(
    int originalSequenceLength,
    double factor,
    double lowFrequencyFactor,
    double highFrequencyFactor)
    implements RotaryScaling {

  public Llama3Scaling {
    if (!(factor >= 1) || originalSequenceLength < 1) {
      throw new IllegalArgumentException(
          "factor must be at least 1 and original-sequence-length positive, got %s and %d"
              .formatted(factor, originalSequenceLength));
    }
    if (!(lowFrequencyFactor > 0) || !(highFrequencyFactor > lowFrequencyFactor)) {
      throw new IllegalArgumentException(
          "high-frequency-factor > low-frequency-factor > 0 is needed, got %s and %s"
              .formatted(highFrequencyFactor, lowFrequencyFactor));
    }
  }

  @Override
  public double[] scaled(double[] plain, double theta, int maxSequenceLength) {
    double[] scaled = new double[plain.length];
    for (int pair = 0; pair < scaled.length; pair++) {
      double rotations = originalSequenceLength * plain[pair] / (2 * Math.PI);
      double smooth = (rotations - lowFrequencyFactor) / (highFrequencyFactor - lowFrequencyFactor);
      double kept = Math.min(1, Math.max(0, smooth));
      scaled[pair] = (1 - kept) * plain[pair] / factor + kept * plain[pair];
    }
    return scaled;
  }
}
