package io.moraine.model.layer;

/**
 * Rotary positions.
 *
 * @param theta base of the frequencies ({@code rope_theta})
 * @param layout which elements form a pair
 * @param scaling of the frequencies, for longer texts
 */
public record RotaryConfig(double theta, Layout layout, RotaryScaling scaling) {

  /** Which elements of a vector rotate together. */
  public enum Layout {
    /** Neighbours: 0 and 1, 2 and 3; DeepSeek's ({@code rope_interleave}). */
    INTERLEAVED,
    /** An element and the one half a vector further; Llama's in Hugging Face's layout. */
    HALVES
  }

  public RotaryConfig {
    if (!(theta > 0)) {
      throw new IllegalArgumentException("theta must be positive, got %s".formatted(theta));
    }
  }

  /**
   * What the published DeepSeek code computes: interleaved pairs, YaRN where the model's maximum
   * length exceeds the original one, its correction on the softmax scale alone.
   */
  public static RotaryConfig deepSeek(
      double theta,
      int originalSequenceLength,
      double factor,
      double betaFast,
      double betaSlow,
      double mscale) {
    return new RotaryConfig(
        theta,
        Layout.INTERLEAVED,
        new YarnScaling(originalSequenceLength, factor, betaFast, betaSlow, mscale, mscale));
  }

  /**
   * Cosine and sine of the angle of each pair at each position, times the magnitude of what is
   * rotated.
   *
   * @param dim size of the rotated vectors; even
   * @shape result (maxSequenceLength, dim / 2, 2)
   */
  public float[] turns(int dim, int maxSequenceLength) {
    double[] frequencies = frequencies(dim, maxSequenceLength);
    double magnitude = scaling.magnitude(maxSequenceLength);
    float[] table = new float[maxSequenceLength * dim];
    for (int position = 0; position < maxSequenceLength; position++) {
      for (int pair = 0; pair < dim / 2; pair++) {
        float angle = (float) position * (float) frequencies[pair];
        table[position * dim + 2 * pair] = (float) (magnitude * Math.cos(angle));
        table[position * dim + 2 * pair + 1] = (float) (magnitude * Math.sin(angle));
      }
    }
    return table;
  }

  /**
   * Angle per position of each pair.
   *
   * @param dim size of the rotated vectors; even
   */
  double[] frequencies(int dim, int maxSequenceLength) {
    double[] plain = new double[dim / 2];
    for (int pair = 0; pair < plain.length; pair++) {
      plain[pair] = 1 / Math.pow(theta, 2.0 * pair / dim);
    }
    return scaling.scaled(plain, theta, maxSequenceLength);
  }
}
