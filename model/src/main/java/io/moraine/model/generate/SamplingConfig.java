package io.moraine.model.generate;

/**
 * How the next token is chosen; names and meaning as in Hugging Face's {@code generate}.
 *
 * @param temperature 0 takes the likeliest token; else logits are divided by it
 * @param topK only the k likeliest tokens are drawn from; 0 for all
 * @param topP only the likeliest tokens that together have this probability are drawn from; in (0,
 *     1], 1 for all
 * @param repetitionPenalty by which positive logits of tokens that occur in the text are divided
 *     and negative ones multiplied; 1 for none
 * @param seed of the draws
 */
public record SamplingConfig(
    double temperature, int topK, double topP, double repetitionPenalty, long seed) {

  public SamplingConfig {
    if (!(temperature >= 0) || temperature == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "temperature must be at least 0 and finite, got %s".formatted(temperature));
    }
    if (topK < 0) {
      throw new IllegalArgumentException("top-k must be at least 0, got %d".formatted(topK));
    }
    if (!(topP > 0 && topP <= 1)) {
      throw new IllegalArgumentException("top-p must be in (0, 1], got %s".formatted(topP));
    }
    if (!(repetitionPenalty > 0) || repetitionPenalty == Double.POSITIVE_INFINITY) {
      throw new IllegalArgumentException(
          "repetition-penalty must be positive and finite, got %s".formatted(repetitionPenalty));
    }
  }

  /** The likeliest token each time. */
  public static SamplingConfig greedy() {
    return new SamplingConfig(0, 0, 1, 1, 0);
  }

  /** Draws from all tokens as the model has them. */
  public static SamplingConfig plain(long seed) {
    return new SamplingConfig(1, 0, 1, 1, seed);
  }
}
