package io.moraine.bigdl.transformer;

import io.moraine.model.moe.RouterConfig;
import io.moraine.model.moe.RouterConfig.Score;
import java.util.Arrays;

/**
 * What a router says of T tokens, and the way back from it.
 *
 * @param scores of all experts; shape (T, E)
 * @param experts chosen ones; shape (T, K)
 * @param weights of the chosen experts' outputs; shape (T, K)
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, Eq. 12-16
 */
record Routing(RouterConfig config, float[] scores, int[] experts, float[] weights) {

  /**
   * Chooses.
   *
   * @param products of token and expert vectors; shape (T, E)
   * @param bias for the selection only; shape (E)
   */
  static Routing of(RouterConfig config, float[] products, int tokens, float[] bias) {
    float[] scores = scores(config, products, tokens);
    int e = config.routedExperts();
    int k = config.activeExperts();
    int[] experts = new int[tokens * k];
    float[] weights = new float[tokens * k];
    for (int token = 0; token < tokens; token++) {
      float[] own = Arrays.copyOfRange(scores, token * e, (token + 1) * e);
      int[] chosen = largest(selectable(config, own, bias), k);
      System.arraycopy(chosen, 0, experts, token * k, k);
      double sum = config.score() == Score.SIGMOID ? sum(own, chosen) : 1;
      for (int slot = 0; slot < k; slot++) {
        weights[token * k + slot] = (float) (own[chosen[slot]] / sum * config.routeScale());
      }
    }
    return new Routing(config, scores, experts, weights);
  }

  private static float[] scores(RouterConfig config, float[] products, int tokens) {
    int e = config.routedExperts();
    if (config.score() == Score.SIGMOID) {
      return Sigmoid.of(products, 0, tokens * e);
    }
    float[] scores = Arrays.copyOf(products, tokens * e);
    for (int token = 0; token < tokens; token++) {
      softmax(scores, token * e, e);
    }
    return scores;
  }

  private static void softmax(float[] x, int from, int n) {
    float largest = Float.NEGATIVE_INFINITY;
    for (int i = from; i < from + n; i++) {
      largest = Math.max(largest, x[i]);
    }
    double sum = 0;
    for (int i = from; i < from + n; i++) {
      x[i] = (float) Math.exp(x[i] - largest);
      sum += x[i];
    }
    for (int i = from; i < from + n; i++) {
      x[i] /= (float) sum;
    }
  }

  /** By score plus bias; negative infinity outside of the best groups. */
  private static float[] selectable(RouterConfig config, float[] scores, float[] bias) {
    float[] biased = scores.clone();
    if (config.hasSelectionBias()) {
      for (int expert = 0; expert < biased.length; expert++) {
        biased[expert] += bias[expert];
      }
    }
    if (config.groups() > 1) {
      limitToBestGroups(config, biased);
    }
    return biased;
  }

  /** Groups rank by their two best experts if there is a bias, else by their best one. */
  private static void limitToBestGroups(RouterConfig config, float[] biased) {
    int size = biased.length / config.groups();
    float[] groups = new float[config.groups()];
    for (int group = 0; group < groups.length; group++) {
      float[] members = Arrays.copyOfRange(biased, group * size, (group + 1) * size);
      for (int best : largest(members, config.hasSelectionBias() ? 2 : 1)) {
        groups[group] += members[best];
      }
    }
    boolean[] isBest = new boolean[groups.length];
    for (int best : largest(groups, config.limitedGroups())) {
      isBest[best] = true;
    }
    for (int expert = 0; expert < biased.length; expert++) {
      if (!isBest[expert / size]) {
        biased[expert] = Float.NEGATIVE_INFINITY;
      }
    }
  }

  /** Places of the k largest values, the largest first; of equal ones the first. */
  static int[] largest(float[] values, int k) {
    float[] left = values.clone();
    boolean[] isTaken = new boolean[values.length];
    int[] places = new int[k];
    for (int i = 0; i < k; i++) {
      int best = -1;
      for (int place = 0; place < left.length; place++) {
        if (!isTaken[place] && (best < 0 || left[place] > left[best])) {
          best = place;
        }
      }
      isTaken[best] = true;
      places[i] = best;
    }
    return places;
  }

  private static double sum(float[] values, int[] places) {
    double sum = 0;
    for (int place : places) {
      sum += values[place];
    }
    return sum;
  }

  /** Number of tokens, T. */
  int tokens() {
    return experts.length / config.activeExperts();
  }

  /**
   * Rows sorted by expert, those of an expert in the order of tokens: for each its place in {@link
   * #experts}.
   */
  int[] order() {
    int[] next = new int[config.routedExperts() + 1];
    for (int expert : experts) {
      next[expert + 1]++;
    }
    for (int expert = 1; expert < next.length; expert++) {
      next[expert] += next[expert - 1];
    }
    int[] order = new int[experts.length];
    for (int place = 0; place < experts.length; place++) {
      order[next[experts[place]]++] = place;
    }
    return order;
  }

  /**
   * Gradients of the scores from those of the weights.
   *
   * @shape weightGradients (T, K); result (T, E)
   */
  float[] scoreGradients(float[] weightGradients) {
    int e = config.routedExperts();
    int k = config.activeExperts();
    float[] gradients = new float[scores.length];
    for (int token = 0; token < tokens(); token++) {
      double sum = 0;
      double along = 0;
      for (int slot = token * k; slot < (token + 1) * k; slot++) {
        sum += scores[token * e + experts[slot]];
        along += weightGradients[slot] * scores[token * e + experts[slot]];
      }
      boolean isNormalised = config.score() == Score.SIGMOID;
      for (int slot = token * k; slot < (token + 1) * k; slot++) {
        double own = weightGradients[slot];
        double gradient = isNormalised ? (own - along / sum) / sum : own;
        gradients[token * e + experts[slot]] = (float) (gradient * config.routeScale());
      }
    }
    return gradients;
  }

  /**
   * Gradients of the products from those of the scores.
   *
   * @shape scoreGradients, result (T, E)
   */
  float[] productGradients(float[] scoreGradients) {
    int e = config.routedExperts();
    float[] gradients = new float[scores.length];
    for (int from = 0; from < scores.length; from += e) {
      double along = 0;
      for (int i = from; i < from + e; i++) {
        along += scoreGradients[i] * scores[i];
      }
      for (int i = from; i < from + e; i++) {
        gradients[i] =
            config.score() == Score.SIGMOID
                ? scoreGradients[i] * scores[i] * (1 - scores[i])
                : scores[i] * (float) (scoreGradients[i] - along);
      }
    }
    return gradients;
  }
}
