package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Optional;

/**
 * Gives every rank the new weights: what the codec makes of the owners' master weights, or of what
 * these are ahead of the weights that everybody has, which everybody then adds. What a difference
 * leaves out is in the next one by itself. What a rank has alone goes through the codec too, as if
 * it were sent.
 *
 * @source differences: Jia et al., SDP4Bit, 2024, arXiv:2410.15526; with signs both ways: Tang et
 *     al., DoubleSqueeze, 2019, arXiv:1905.05957, algorithm 1, the owners being its servers
 */
abstract sealed class WeightGather implements AutoCloseable
    permits HostWeightGather, DeviceWeightGather {

  final TrainConfig.Weights form;
  final Communicator communicator;
  final Buckets buckets;
  final FlatBuffer parameters;
  final Ownership owned;

  WeightGather(
      TrainConfig.Weights form,
      Communicator communicator,
      Buckets buckets,
      FlatBuffer parameters,
      Ownership owned) {
    this.form = form;
    this.communicator = communicator;
    this.buckets = buckets;
    this.parameters = parameters;
    this.owned = owned;
  }

  /** Where the shard's numbers are. */
  static WeightGather of(
      TrainConfig.Weights form,
      Communicator communicator,
      Buckets buckets,
      FlatBuffer parameters,
      Ownership owned,
      Shard shard) {
    if (shard instanceof HostShard here) {
      return new HostWeightGather(form, communicator, buckets, parameters, owned, here);
    }
    if (shard instanceof DeviceShard there) {
      return new DeviceWeightGather(form, communicator, buckets, parameters, owned, there);
    }
    throw new AssertionError("unreachable: " + shard);
  }

  /**
   * The gather before the first step.
   *
   * @param known what everybody had of what this rank owns when the run was stopped, if it was
   */
  final void start(Optional<float[]> known) {
    if (form.areDifferences()) {
      giveAll(known);
    } else {
      giveStep();
    }
  }

  /** The gather of a step. */
  final void gather() {
    giveStep();
  }

  /** What has to be stored of the weights that this rank owns, besides the master weights. */
  final float[] stored() {
    return form.areDifferences() ? known() : new float[0];
  }

  /** The weights that everybody has of what this rank owns. */
  final float[] known() {
    return owned.read(parameters);
  }

  /** Gives, in float32, what everybody had, or the master weights if there was nothing. */
  abstract void giveAll(Optional<float[]> known);

  /** Gives the master weights in the form that was chosen. */
  abstract void giveStep();

  @Override
  public abstract void close();
}
