package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.tensor.Slice;
import java.util.List;
import java.util.Optional;

/**
 * Sums gradients over all ranks, each shard at its owner, and sends little for it. All ranks call
 * it in the same steps.
 */
public sealed interface GradientReduction extends AutoCloseable
    permits CodedReduction, DeviceReduction, PowerSgd {

  /**
   * A rank's reduction as settings have it, nothing owed yet.
   *
   * @param buckets of the gradients
   * @param slices of the gradients
   * @param gradients of this rank, read when they are reduced
   * @param seed of the run
   * @throws IllegalArgumentException if it carries more from step to step than an array can have
   */
  static GradientReduction of(
      ReductionConfig config,
      Communicator communicator,
      Buckets buckets,
      List<Slice> slices,
      Gradients gradients,
      long seed) {
    if (config.carried(slices) > 0 && buckets.length() > Integer.MAX_VALUE) {
      throw new IllegalArgumentException(
          "gradients in %s carry a number for each of %,d parameters from step to step, and a rank has at most %,d. Use gradients without error feedback: fp32, bf16 or int8."
              .formatted(config.name(), buckets.length(), Integer.MAX_VALUE));
    }
    Optional<DeviceReduction> there = DeviceReduction.of(communicator, buckets, gradients, config);
    if (there.isPresent()) {
      return there.get();
    }
    if (config instanceof ReductionConfig.Coded coded) {
      return new CodedReduction(communicator, buckets, gradients, coded);
    }
    if (config instanceof ReductionConfig.TopK topK) {
      return new CodedReduction(communicator, buckets, gradients, topK);
    }
    if (config instanceof ReductionConfig.PowerSgd powerSgd) {
      return new PowerSgd(communicator, buckets, slices, gradients, powerSgd, seed);
    }
    throw new AssertionError("unreachable: " + config);
  }

  /**
   * Hears, before it reduces a bucket, that gradients from its start on are final: by whoever
   * computes them, who does not wait. What a device has to do for the bucket is asked of it here,
   * behind what computes the gradients and before what is asked of it next.
   */
  default void begin(int bucket) {}

  /**
   * Reduces a bucket of a step's gradients. A step begins with the last bucket and ends with the
   * first one; gradients from the bucket's start on are read, others need not be there yet.
   *
   * @param sum of what this rank owns of all buckets; gets the sum over ranks of what it owns of
   *     this one, as what was sent has it
   */
  void reduce(int bucket, OwnedGradients sum);

  /** What it carries from step to step, always the same objects; empty if nothing. */
  List<CarriedState> state();

  /** Gives back a device's memory, if it has any. */
  @Override
  default void close() {}
}
