package io.moraine.model.reduction;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.FloatReader;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.tensor.Slice;
import java.util.List;

/**
 * Sums gradients over all ranks, each shard at its owner, and sends little for it. All ranks call
 * it in the same steps.
 */
public sealed interface GradientReduction permits CodedReduction, PowerSgd {

  /**
   * A rank's reduction as settings have it, nothing owed yet.
   *
   * @param layout of the gradients' owners
   * @param slices of the gradients
   * @param seed of the run
   */
  static GradientReduction of(
      ReductionConfig config,
      Communicator communicator,
      ShardLayout layout,
      List<Slice> slices,
      long seed) {
    if (config instanceof ReductionConfig.Coded coded) {
      return new CodedReduction(communicator, layout, coded);
    }
    if (config instanceof ReductionConfig.TopK topK) {
      return new CodedReduction(communicator, layout, topK);
    }
    if (config instanceof ReductionConfig.PowerSgd powerSgd) {
      LowRankLayout factors = LowRankLayout.of(slices, powerSgd.lowRank());
      return new PowerSgd(communicator, layout, factors, powerSgd, seed);
    }
    throw new AssertionError("unreachable: " + config);
  }

  /**
   * Reduces a step's gradients.
   *
   * @param gradients of this rank, all elements
   * @param shardSum gets the sum over ranks of this rank's shard, as what was sent has it
   */
  void reduce(FloatReader gradients, float[] shardSum);

  /** What it carries from step to step; empty if nothing. */
  List<StateTensor> state();
}
