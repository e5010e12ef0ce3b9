package io.moraine.model.train;

/**
 * What one step did, over all ranks.
 *
 * @param step from 1
 * @param loss mean cross-entropy of the step's tokens; nats per token
 * @param furtherLoss mean cross-entropy of what multi-token prediction predicts; NaN without it
 * @param gradientNorm global norm before clipping
 * @param learningRate of the step
 * @param tokens predicted in the step
 * @param tokensSeen places for tokens in all sequences up to and with this step, padding included
 * @param seconds of the step on rank 0
 * @param expertLoad tokens per expert, (layers, E) row-major; empty without experts
 * @param experts E; 0 without experts
 * @param wireBytes sent by rank 0 in the step
 * @param float32WireBytes what the same exchange would send in float32
 */
public record StepMetrics(
    long step,
    double loss,
    double furtherLoss,
    double gradientNorm,
    double learningRate,
    long tokens,
    long tokensSeen,
    double seconds,
    long[] expertLoad,
    int experts,
    long wireBytes,
    long float32WireBytes) {

  public double tokensPerSecond() {
    return seconds > 0 ? tokens / seconds : 0;
  }

  /** Number of MoE layers. */
  public int moeLayers() {
    return load().layers();
  }

  /** MaxVio of the worst layer; 0 without experts. */
  public double maxViolation() {
    return load().maxViolation();
  }

  /** Statistics of one layer's load. */
  public LoadStatistics load(int layer) {
    return load().layer(layer);
  }

  private ExpertLoad load() {
    return new ExpertLoad(expertLoad, experts);
  }

  /**
   * Expert load of one layer.
   *
   * @param min tokens of the least used expert
   * @param max tokens of the most used expert
   * @param mean tokens per expert
   * @param variation coefficient of variation, standard deviation / mean
   */
  public record LoadStatistics(long min, long max, double mean, double variation) {}
}
