package io.moraine.model.moe;

/**
 * How tokens choose experts.
 *
 * @param routedExperts E; 0 in a dense model ({@code n_routed_experts})
 * @param activeExperts chosen per token, K ({@code n_activated_experts})
 * @param groups into which experts fall; divides E ({@code n_expert_groups})
 * @param limitedGroups groups a token may choose from ({@code n_limited_groups})
 * @param score how scores come from products ({@code score_func})
 * @param routeScale factor on the weights ({@code route_scale})
 * @param hasSelectionBias whether a selection bias takes part in the selection
 * @param sequenceBalanceAlpha weight of the sequence-wise balance loss; 0 for none
 */
public record RouterConfig(
    int routedExperts,
    int activeExperts,
    int groups,
    int limitedGroups,
    Score score,
    double routeScale,
    boolean hasSelectionBias,
    double sequenceBalanceAlpha) {

  /** How scores come from the products of token and expert vectors. */
  public enum Score {
    SIGMOID,
    SOFTMAX
  }

  /** Of a dense model: no experts to choose from. */
  public static RouterConfig none() {
    return new RouterConfig(0, 0, 1, 1, Score.SIGMOID, 1, false, 0);
  }

  public RouterConfig {
    if (activeExperts < Math.min(1, routedExperts) || activeExperts > routedExperts) {
      throw new IllegalArgumentException(
          "active must be in [1, routed], got %d and %d".formatted(activeExperts, routedExperts));
    }
    if (groups < 1 || routedExperts % groups != 0) {
      throw new IllegalArgumentException(
          "routed must be divisible by groups, got %d and %d".formatted(routedExperts, groups));
    }
    if (limitedGroups < 1 || limitedGroups > groups) {
      throw new IllegalArgumentException(
          "limited-groups must be in [1, groups], got %d and %d".formatted(limitedGroups, groups));
    }
    if (limitedGroups * (routedExperts / groups) < activeExperts) {
      throw new IllegalArgumentException(
          "limited-groups * routed / groups must be at least active, got %d * %d / %d and %d"
              .formatted(limitedGroups, routedExperts, groups, activeExperts));
    }
    if (hasSelectionBias && groups > 1 && routedExperts / groups < 2) {
      throw new IllegalArgumentException(
          "groups that rank by their two best experts need two each, got routed %d and groups %d"
              .formatted(routedExperts, groups));
    }
    if (!(sequenceBalanceAlpha >= 0)) {
      throw new IllegalArgumentException(
          "sequence-balance-alpha must be at least 0, got %s".formatted(sequenceBalanceAlpha));
    }
  }
}
