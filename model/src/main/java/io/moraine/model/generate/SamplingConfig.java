package io.moraine.model.generate;

/**
 * How the next token is chosen.
 *
 * @param temperature 0 takes the likeliest token; else logits are divided by it
 * @param topK only the k likeliest tokens are drawn from; 0 for all
 * @param seed of the draws
 */
public record SamplingConfig(double temperature, int topK, long seed) {

  public SamplingConfig {
    if (!(temperature >= 0)) {
      throw new IllegalArgumentException(
          "temperature must be at least 0, got %s".formatted(temperature));
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top-k must be at least 0, got %d".formatted(topK));
    }
  }
}
