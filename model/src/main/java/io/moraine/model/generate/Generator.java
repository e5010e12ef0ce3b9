package io.moraine.model.generate;

import io.moraine.model.transformer.Transformer;
import java.util.Arrays;
import java.util.SplittableRandom;
import java.util.function.IntPredicate;

/**
 * Continues a prompt token by token.
 *
 * <p>The model sees at most its maximum sequence length: of a longer text, the last tokens.
 */
public final class Generator {

  private final Transformer model;
  private final SamplingConfig config;
  private final SplittableRandom random;

  public Generator(Transformer model, SamplingConfig config) {
    this.model = model;
    this.config = config;
    this.random = new SplittableRandom(config.seed());
  }

  /**
   * Generates tokens.
   *
   * @param prompt at least one token id
   * @param maxTokens most tokens to generate
   * @param sink gets each token; false ends the text
   * @cost one forward pass over the visible text per token
   */
  public void generate(int[] prompt, int maxTokens, IntPredicate sink) {
    if (prompt.length == 0) {
      throw new IllegalArgumentException("a prompt needs at least one token");
    }
    int[] text = Arrays.copyOf(prompt, prompt.length + maxTokens);
    for (int length = prompt.length; length < text.length; length++) {
      int from = Math.max(0, length - model.config().maxSequenceLength());
      text[length] = choose(model.nextLogits(Arrays.copyOfRange(text, from, length)));
      if (!sink.test(text[length])) {
        return;
      }
    }
  }

  private int choose(float[] logits) {
    int likeliest = 0;
    for (int id = 1; id < logits.length; id++) {
      likeliest = logits[id] > logits[likeliest] ? id : likeliest;
    }
    if (config.temperature() == 0) {
      return likeliest;
    }
    float least = leastDrawn(logits);
    double[] cumulative = new double[logits.length];
    double sum = 0;
    for (int id = 0; id < logits.length; id++) {
      if (logits[id] >= least) {
        sum += Math.exp((logits[id] - logits[likeliest]) / config.temperature());
      }
      cumulative[id] = sum;
    }
    double draw = random.nextDouble() * sum;
    int id = 0;
    while (cumulative[id] <= draw) {
      id++;
    }
    return id;
  }

  /** The k-th largest logit. */
  private float leastDrawn(float[] logits) {
    if (config.topK() == 0 || config.topK() >= logits.length) {
      return Float.NEGATIVE_INFINITY;
    }
    float[] sorted = logits.clone();
    Arrays.sort(sorted);
    return sorted[sorted.length - config.topK()];
  }
}
