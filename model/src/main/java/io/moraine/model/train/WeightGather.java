package io.moraine.model.train;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Optional;

/**
 * Gives every rank the new weights: what the codec makes of the owners' master weights, or of what
 * these are ahead of the weights that everybody has, which everybody then adds. What a difference
 * leaves out is in the next one by itself.
 *
 * @source differences: Jia et al., SDP4Bit, 2024, arXiv:2410.15526 (8 bits here)
 */
final class WeightGather {

  private final TrainConfig.Weights form;
  private final Communicator communicator;
  private final ShardLayout layout;
  private final FlatBuffer parameters;

  WeightGather(
      TrainConfig.Weights form,
      Communicator communicator,
      ShardLayout layout,
      FlatBuffer parameters) {
    this.form = form;
    this.communicator = communicator;
    this.layout = layout;
    this.parameters = parameters;
  }

  /**
   * The gather before the first step.
   *
   * @param known what everybody had of this rank's shard when the run was stopped, if it was
   */
  void start(float[] master, Optional<float[]> known) {
    if (form.areDifferences()) {
      communicator.allGather(
          known.orElse(master), layout, TrainConfig.Weights.FP32.codec(), parameters::put);
    } else {
      gather(master);
    }
  }

  /** The gather of a step. */
  void gather(float[] master) {
    if (form.areDifferences()) {
      float[] ahead = known();
      for (int i = 0; i < ahead.length; i++) {
        ahead[i] = master[i] - ahead[i];
      }
      communicator.allGather(ahead, layout, form.codec(), this::add);
    } else {
      communicator.allGather(master, layout, form.codec(), parameters::put);
    }
  }

  /** What has to be stored of the weights of this rank's shard, besides the master weights. */
  float[] stored() {
    return form.areDifferences() ? known() : new float[0];
  }

  private float[] known() {
    int rank = communicator.rank();
    float[] known = new float[layout.size(rank)];
    parameters.get(layout.from(rank), known, 0, known.length);
    return known;
  }

  private void add(long to, float[] difference, int offset, int length) {
    float[] sum = new float[length];
    parameters.get(to, sum, 0, length);
    for (int i = 0; i < length; i++) {
      sum[i] += difference[offset + i];
    }
    parameters.put(to, sum, 0, length);
  }
}
