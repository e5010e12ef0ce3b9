package io.moraine.model.train;

/**
 * What the trainer sees of a mixture-of-experts model: how many tokens each expert got, and the
 * selection bias that is added to a score for selection only.
 *
 * <p>Arrays are row-major over (MoE layer, routed expert).
 *
 * @source DeepSeek-AI, DeepSeek-V3, 2024, arXiv:2412.19437, section 2.1.2; Wang et al.,
 *     Auxiliary-loss-free load balancing, 2024, arXiv:2408.15664, Algorithm 1
 */
public interface ExpertBalance {

  /** Number of MoE layers. */
  int layers();

  /** Number of routed experts per layer, E. */
  int experts();

  /**
   * Tokens sent to each expert by {@link TrainableModel#learn} since the last call, and resets the
   * counts.
   *
   * @shape (layers, E)
   */
  long[] takeLoad();

  /**
   * Moves each bias by one step towards balance: down by {@code gamma} where an expert got more
   * than its layer's mean, up by {@code gamma} where it got less, unchanged at the mean. Does
   * nothing where the model has no selection bias.
   *
   * @param globalLoad tokens per expert summed over all ranks; shape (layers, E)
   * @param gamma size of the step, {@code >= 0}
   */
  void updateBias(long[] globalLoad, float gamma);

  /**
   * The selection biases, copied.
   *
   * @shape (layers, E)
   */
  float[] bias();

  /**
   * Replaces the selection biases.
   *
   * @shape (layers, E)
   */
  void setBias(float[] bias);

  /**
   * What {@link #updateBias} does where there is a selection bias.
   *
   * @param bias in which it is done
   * @shape bias, globalLoad (layers, experts)
   */
  static void move(float[] bias, long[] globalLoad, int experts, float gamma) {
    for (int first = 0; first < bias.length; first += experts) {
      long total = 0;
      for (int at = first; at < first + experts; at++) {
        total += globalLoad[at];
      }
      for (int at = first; at < first + experts; at++) {
        bias[at] -= gamma * Long.signum(globalLoad[at] * experts - total);
      }
    }
  }
}
