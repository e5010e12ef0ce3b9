package io.moraine.model.train;

import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.optim.AdamW;
import io.moraine.model.reduction.OwnedGradients;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.util.List;

/**
 * The numbers of what a rank owns: the sum of a step's gradients, float32 master weights, AdamW's
 * moments. In arrays, or where the model is if that is the memory of a device.
 */
sealed interface Shard extends AutoCloseable permits HostShard, DeviceShard {

  /** What of it is stored. */
  enum Part {
    MASTER("master"),
    MOMENT1("moment1"),
    MOMENT2("moment2");

    private final String tensor;

    Part(String tensor) {
      this.tensor = tensor;
    }

    /** Its name in checkpoints. */
    String tensor() {
      return tensor;
    }
  }

  /** The master weights are the model's, the moments zero. */
  static Shard of(FlatBuffer parameters, Ownership owned, AdamW.Config config) {
    return parameters.staging().isPresent()
        ? new DeviceShard(parameters, owned, config)
        : new HostShard(parameters, owned, config);
  }

  /** Where the sum over ranks of the step's gradients is put. */
  OwnedGradients gradients();

  /** The sum of the squares of that, in float64. */
  double gradientSquares();

  /**
   * One update of the master weights.
   *
   * @param number of the update, from 1; steps that are left out do not count
   * @param scale applied to the gradients first
   */
  void update(long number, double learningRate, double scale);

  /** A copy, in an array that is the caller's. */
  float[] copy(Part part);

  /**
   * Overwrites what this rank owns of a part.
   *
   * @param written ranges of {@code values} in the model, in their order
   */
  void put(Part part, Ranges written, float[] values);

  @Override
  void close();

  /** For each owned element whether weight decay applies: to matrices, not to norms. */
  static boolean[] decays(FlatBuffer parameters, Ownership owned) {
    List<Slice> matrices =
        parameters.slices().stream().filter(slice -> slice.shape().size() > 1).toList();
    return owned.in(matrices);
  }
}
