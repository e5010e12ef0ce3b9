package io.moraine.model.generate;

import java.util.Arrays;
import java.util.BitSet;
import java.util.SplittableRandom;

/**
 * From logits to a token: repetition penalty, temperature, top-k, top-p, in this order, then a
 * draw.
 *
 * @param config how tokens are chosen
 * @param ids those that are chosen from; others have no logit as far as this is concerned
 * @source huggingface/transformers, generation/logits_process.py and the order of
 *     generation/utils.py; Keskar et al., CTRL, 2019, arXiv:1909.05858, section 4.1; Holtzman et
 *     al., The curious case of neural text degeneration, 2019, arXiv:1904.09751, section 3.1
 */
record Sampler(SamplingConfig config, BitSet ids) {

  Sampler {
    if (ids.isEmpty()) {
      throw new IllegalArgumentException("ids to choose from must not be empty");
    }
  }

  /**
   * The distribution that the next token is drawn from.
   *
   * @param logits rows of V
   * @param row which one
   * @param text whose first {@code length} tokens stand before
   * @return probabilities, 0 of all but {@link #ids}; with temperature 0 that of the likeliest
   *     token, the first of equals, is 1
   * @shape logits (rows, V); result (V)
   * @cost O(V log V)
   */
  double[] probabilities(float[] logits, int row, int vocabulary, int[] text, int length) {
    double[] scores = new double[vocabulary];
    for (int id = 0; id < vocabulary; id++) {
      scores[id] = ids.get(id) ? logits[row * vocabulary + id] : Double.NEGATIVE_INFINITY;
    }
    penalise(scores, text, length);
    if (config.temperature() == 0) {
      double[] certain = new double[vocabulary];
      certain[likeliest(scores)] = 1;
      return certain;
    }
    for (int id = 0; id < vocabulary; id++) {
      scores[id] /= config.temperature();
    }
    keepTopK(scores);
    double[] probabilities = softmax(scores);
    return config.topP() < 1 ? keepTopP(probabilities) : probabilities;
  }

  /** Draws an id; weights need not add up to 1. */
  static int draw(double[] weights, SplittableRandom random) {
    double sum = 0;
    for (double weight : weights) {
      sum += weight;
    }
    double left = random.nextDouble() * sum;
    int last = 0;
    for (int id = 0; id < weights.length; id++) {
      if (weights[id] > 0) {
        last = id;
        left -= weights[id];
        if (left < 0) {
          return id;
        }
      }
    }
    return last;
  }

  /**
   * Turns a token that was drawn from one distribution into one of another: keeps it with
   * probability {@code min(1, wanted / drafted)}, else draws from what {@code wanted} has more of.
   *
   * @return the token; equal to {@code token} if it was kept
   * @source Leviathan et al., Fast inference from transformers via speculative decoding, 2022,
   *     arXiv:2211.17192, Alg. 1
   */
  static int correct(int token, double[] drafted, double[] wanted, SplittableRandom random) {
    if (random.nextDouble() * drafted[token] < wanted[token]) {
      return token;
    }
    double[] missing = new double[wanted.length];
    double sum = 0;
    for (int id = 0; id < wanted.length; id++) {
      missing[id] = Math.max(0, wanted[id] - drafted[id]);
      sum += missing[id];
    }
    return draw(sum > 0 ? missing : wanted, random);
  }

  private void penalise(double[] scores, int[] text, int length) {
    if (config.repetitionPenalty() == 1) {
      return;
    }
    boolean[] done = new boolean[scores.length];
    for (int i = 0; i < length; i++) {
      int id = text[i];
      if (!done[id]) {
        done[id] = true;
        scores[id] =
            scores[id] < 0
                ? scores[id] * config.repetitionPenalty()
                : scores[id] / config.repetitionPenalty();
      }
    }
  }

  private static int likeliest(double[] scores) {
    int likeliest = 0;
    for (int id = 1; id < scores.length; id++) {
      likeliest = scores[id] > scores[likeliest] ? id : likeliest;
    }
    return likeliest;
  }

  /** All that reach the k-th largest score stay, so more than k if some are equal to it. */
  private void keepTopK(double[] scores) {
    if (config.topK() == 0 || config.topK() >= scores.length) {
      return;
    }
    double[] sorted = scores.clone();
    Arrays.sort(sorted);
    double least = sorted[sorted.length - config.topK()];
    for (int id = 0; id < scores.length; id++) {
      scores[id] = scores[id] < least ? Double.NEGATIVE_INFINITY : scores[id];
    }
  }

  private static double[] softmax(double[] scores) {
    double max = scores[likeliest(scores)];
    double[] probabilities = new double[scores.length];
    double sum = 0;
    for (int id = 0; id < scores.length; id++) {
      probabilities[id] = Math.exp(scores[id] - max);
      sum += probabilities[id];
    }
    for (int id = 0; id < scores.length; id++) {
      probabilities[id] /= sum;
    }
    return probabilities;
  }

  /**
   * Takes the unlikeliest tokens away as long as these have no more than {@code 1 - p} together; of
   * equals the smaller id goes first, and the likeliest token always stays.
   */
  private double[] keepTopP(double[] probabilities) {
    double[] sorted = probabilities.clone();
    Arrays.sort(sorted);
    int removed = 0;
    double sum = sorted[0];
    while (removed < sorted.length - 1 && sum <= 1 - config.topP()) {
      removed++;
      sum += sorted[removed];
    }
    double least = sorted[removed];
    int equalsRemoved = removed;
    for (int i = 0; i < removed && sorted[i] < least; i++) {
      equalsRemoved--;
    }
    double[] kept = probabilities.clone();
    double total = 0;
    for (int id = 0; id < kept.length; id++) {
      if (kept[id] < least || kept[id] == least && equalsRemoved-- > 0) {
        kept[id] = 0;
      }
      total += kept[id];
    }
    for (int id = 0; id < kept.length; id++) {
      kept[id] /= total;
    }
    return kept;
  }
}
