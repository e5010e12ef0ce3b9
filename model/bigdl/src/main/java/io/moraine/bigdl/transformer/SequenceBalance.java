package io.moraine.bigdl.transformer;

import io.moraine.model.moe.RouterConfig;
import java.util.Arrays;

/**
 * The gradient of the balance of each sequence by itself, {@code alpha * mean over sequences of
 * sum_i f_i P_i}: f_i is expert i's share of the top-k choices by plain score, times E / K, P_i its
 * mean normalised score, both over the tokens that are learned from.
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, Eq. 17-20
 */
final class SequenceBalance {

  private SequenceBalance() {}

  /**
   * Adds it to the gradients of the scores.
   *
   * @shape gradients (T, E)
   */
  static void addGradient(Routing routing, BatchAtHand batch, float[] gradients) {
    int length = routing.tokens() / batch.sequences();
    for (int sequence = 0; sequence < batch.sequences(); sequence++) {
      if (batch.learnedOf(sequence) > 0) {
        addGradient(routing, batch, sequence, length, gradients);
      }
    }
  }

  private static void addGradient(
      Routing routing, BatchAtHand batch, int sequence, int length, float[] gradients) {
    RouterConfig config = routing.config();
    double factor =
        batch.weight()
            * config.sequenceBalanceAlpha()
            / batch.sequences()
            / batch.learnedOf(sequence);
    double[] frequency = frequency(routing, batch, sequence, length);
    int e = config.routedExperts();
    for (int token = sequence * length; token < (sequence + 1) * length; token++) {
      if (batch.isLearned(token)) {
        float[] own = Arrays.copyOfRange(routing.scores(), token * e, (token + 1) * e);
        double sum = 0;
        double along = 0;
        for (int expert = 0; expert < e; expert++) {
          sum += own[expert];
          along += own[expert] * frequency[expert];
        }
        for (int expert = 0; expert < e; expert++) {
          gradients[token * e + expert] +=
              (float) (factor * (frequency[expert] - along / sum) / sum);
        }
      }
    }
  }

  /** f of each expert. */
  private static double[] frequency(Routing routing, BatchAtHand batch, int sequence, int length) {
    RouterConfig config = routing.config();
    int e = config.routedExperts();
    double share = (double) e / config.activeExperts() / batch.learnedOf(sequence);
    double[] frequency = new double[e];
    for (int token = sequence * length; token < (sequence + 1) * length; token++) {
      if (batch.isLearned(token)) {
        float[] own = Arrays.copyOfRange(routing.scores(), token * e, (token + 1) * e);
        for (int expert : Routing.largest(own, config.activeExperts())) {
          frequency[expert] += share;
        }
      }
    }
    return frequency;
  }
}
