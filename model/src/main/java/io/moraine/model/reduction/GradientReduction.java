package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.FloatReader;
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
   * @param buckets of the gradients
   * @param slices of the gradients
   * @param seed of the run
   */
  static GradientReduction of(
      ReductionConfig config,
      Communicator communicator,
      Buckets buckets,
      List<Slice> slices,
      long seed) {
    if (config instanceof ReductionConfig.Coded coded) {
      return new CodedReduction(communicator, buckets, coded);
    }
    if (config instanceof ReductionConfig.TopK topK) {
      return new CodedReduction(communicator, buckets, topK);
    }
    if (config instanceof ReductionConfig.PowerSgd powerSgd) {
      return new PowerSgd(communicator, buckets, slices, powerSgd, seed);
    }
    throw new AssertionError("unreachable: " + config);
  }

  /**
   * Reduces a bucket of a step's gradients. A step begins with the last bucket and ends with the
   * first one.
   *
   * @param gradients of this rank; those from the bucket's start on are read, others need not be
   *     there yet
   * @param sum of what this rank owns of all buckets; gets the sum over ranks of what it owns of
   *     this one, as what was sent has it
   */
  void reduce(FloatReader gradients, int bucket, float[] sum);

  /** What it carries from step to step; empty if nothing. */
  List<StateTensor> state();
}
