package io.moraine.model.moe;

import io.moraine.model.moe.RouterConfig.Score;
import java.util.Optional;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Scores tokens against experts and picks the top k, from the best groups alone if groups are
 * limited.
 *
 * @param config how to choose
 * @param weight expert vectors; shape (E, D)
 * @param bias selection bias, for the selection only, never in a weight; shape (E)
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, Eq. 12-16; the published
 *     inference/model.py, Gate.forward
 */
public record Router(RouterConfig config, Tensor weight, Tensor bias) {

  /**
   * What a router says of T tokens.
   *
   * @param scores of all experts; shape (T, E)
   * @param experts chosen ones; shape (T, K)
   * @param weights of the chosen experts' outputs; shape (T, K)
   */
  public record Choice(Tensor scores, Tensor experts, Tensor weights) {}

  /**
   * Chooses experts for each token.
   *
   * @shape x (T, D)
   */
  public Choice choose(Tensor x) {
    Tensor products = torch.linear(x, weight);
    Tensor scores =
        switch (config.score()) {
          case SIGMOID -> torch.sigmoid(products);
          case SOFTMAX -> torch.softmax(products, -1);
        };
    Tensor experts = select(scores);
    Tensor weights = scores.gather(1, experts);
    if (config.score() == Score.SIGMOID) {
      weights = weights.div(weights.sum(new long[] {-1}, true, new ScalarTypeOptional()));
    }
    return new Choice(scores, experts, weights.mul(new Scalar(config.routeScale())));
  }

  /**
   * Tokens per expert, without those that do not count.
   *
   * @param counted 1 or 0 for each token; shape (T)
   * @shape result (E), int64
   */
  public Tensor load(Choice choice, Tensor counted) {
    Tensor each = counted.to(torch.ScalarType.Long).unsqueeze(1).expand_as(choice.experts());
    return load(choice.experts().reshape(-1), each.reshape(-1), config.routedExperts());
  }

  /**
   * How often each expert occurs.
   *
   * @shape result (E), int64
   */
  static Tensor load(Tensor flatExperts, int experts) {
    return load(flatExperts, torch.ones_like(flatExperts), experts);
  }

  /** Where the experts are; not by bincount, for which a GPU would wait. */
  private static Tensor load(Tensor flatExperts, Tensor each, int experts) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      Tensor none = torch.zeros(new long[] {experts}, flatExperts.options());
      return none.scatter_add(0, flatExperts, each);
    }
  }

  /** A load's numbers; waits for a GPU to have them. */
  static long[] onHost(Tensor load) {
    long[] numbers = new long[Math.toIntExact(load.numel())];
    try (Tensor here = load.cpu();
        LongPointer values = here.data_ptr_long()) {
      values.get(numbers);
    }
    return numbers;
  }

  /**
   * The balance of each sequence by itself: {@code alpha * mean over sequences of sum_i f_i P_i},
   * where f_i is expert i's share of the top-k choices by plain score, times E / K, and P_i its
   * mean normalised score.
   *
   * @param counted 1 or 0 for each token; empty if all count; shape (T)
   * @source DeepSeek-V3, Eq. 17-20
   */
  public Tensor sequenceBalanceLoss(Tensor scores, int sequences, Optional<Tensor> counted) {
    long tokens = scores.size(0) / sequences;
    int e = config.routedExperts();
    int k = config.activeExperts();
    Optional<Tensor> share = counted.map(mask -> share(mask.view(sequences, tokens, 1)));
    Tensor frequency;
    try (NoGradGuard noGradient = new NoGradGuard()) {
      Tensor top = torch.topk(scores, k, -1, true, false).get1();
      Tensor chosen = torch.zeros_like(scores).scatter(1, top, new Scalar(1.0));
      frequency = mean(chosen.view(sequences, tokens, e), share).mul(new Scalar((double) e / k));
    }
    Tensor sum = scores.sum(new long[] {-1}, true, new ScalarTypeOptional());
    Tensor probability = mean(scores.div(sum).view(sequences, tokens, e), share);
    return frequency
        .mul(probability)
        .sum()
        .mul(new Scalar(config.sequenceBalanceAlpha() / sequences));
  }

  /** Each counted token's share of its sequence; of a sequence without any all are 0. */
  private static Tensor share(Tensor counted) {
    Tensor counts = counted.sum(new long[] {1}, true, new ScalarTypeOptional());
    return counted.div(counts.clamp_min(new Scalar(1)));
  }

  private static Tensor mean(Tensor values, Optional<Tensor> share) {
    long[] tokens = {1};
    return share.isEmpty()
        ? values.mean(tokens, false, new ScalarTypeOptional())
        : values.mul(share.get()).sum(tokens, false, new ScalarTypeOptional());
  }

  /** The experts of each token, by score plus bias. */
  private Tensor select(Tensor scores) {
    try (NoGradGuard noGradient = new NoGradGuard()) {
      Tensor biased = config.hasSelectionBias() ? scores.add(bias) : scores.detach();
      if (config.groups() > 1) {
        biased = limitedToBestGroups(biased);
      }
      return torch.topk(biased, config.activeExperts(), -1, true, true).get1();
    }
  }

  /** Groups rank by their two best scores if there is a bias, else by their best one. */
  private Tensor limitedToBestGroups(Tensor biased) {
    long tokens = biased.size(0);
    int groupSize = config.routedExperts() / config.groups();
    Tensor grouped = biased.view(tokens, config.groups(), groupSize);
    Tensor groupScores =
        config.hasSelectionBias()
            ? torch
                .topk(grouped, 2, -1, true, true)
                .get0()
                .sum(new long[] {-1}, false, new ScalarTypeOptional())
            : grouped.amax(new long[] {-1}, false);
    Tensor best = torch.topk(groupScores, config.limitedGroups(), -1, true, true).get1();
    Tensor excluded =
        torch.ones_like(groupScores).scatter(1, best, new Scalar(0.0)).to(torch.ScalarType.Bool);
    return grouped
        .masked_fill(excluded.unsqueeze(-1), new Scalar(Double.NEGATIVE_INFINITY))
        .view(tokens, config.routedExperts());
  }
}
