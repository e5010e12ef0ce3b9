package io.moraine.model.train;

/**
 * Tokens sent to each expert.
 *
 * @param tokens row-major; shape (layers, E); empty without experts
 * @param experts E; 0 without experts
 */
public record ExpertLoad(long[] tokens, int experts) {

  /** Of a model without experts. */
  public static final ExpertLoad NONE = new ExpertLoad(new long[0], 0);

  /** Number of MoE layers. */
  public int layers() {
    return experts == 0 ? 0 : tokens.length / experts;
  }

  /** An expert's share of what a layer's experts got, in [0, 1]; 1 / E in balance. */
  public double share(int layer, int expert) {
    return tokens[layer * experts + expert] / (layer(layer).mean() * experts);
  }

  /**
   * MaxVio of a layer: (largest load - mean) / mean.
   *
   * @source Wang et al., Auxiliary-loss-free load balancing, 2024, arXiv:2408.15664, Eq. 4
   */
  public double maxViolation(int layer) {
    StepMetrics.LoadStatistics statistics = layer(layer);
    return (statistics.max() - statistics.mean()) / statistics.mean();
  }

  /** MaxVio of the worst layer; 0 without experts. */
  public double maxViolation() {
    double worst = 0;
    for (int layer = 0; layer < layers(); layer++) {
      worst = Math.max(worst, maxViolation(layer));
    }
    return worst;
  }

  /** Statistics of one layer's load. */
  public StepMetrics.LoadStatistics layer(int layer) {
    long min = Long.MAX_VALUE;
    long max = 0;
    double sum = 0;
    double squares = 0;
    for (int i = layer * experts; i < (layer + 1) * experts; i++) {
      min = Math.min(min, tokens[i]);
      max = Math.max(max, tokens[i]);
      sum += tokens[i];
      squares += (double) tokens[i] * tokens[i];
    }
    double mean = sum / experts;
    double variance = Math.max(0, squares / experts - mean * mean);
    return new StepMetrics.LoadStatistics(
        min, max, mean, mean > 0 ? Math.sqrt(variance) / mean : 0);
  }
}
