package io.moraine.model.train;

import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.optim.AdamW;
import io.moraine.model.reduction.OwnedGradients;
import io.moraine.model.tensor.FlatBuffer;

/** In arrays. */
final class HostShard implements Shard {

  private final Ownership owned;
  private final float[] gradients;
  private final float[] master;
  private final AdamW adam;

  HostShard(FlatBuffer parameters, Ownership owned, AdamW.Config config) {
    this.owned = owned;
    this.gradients = new float[owned.size()];
    this.master = owned.read(parameters);
    this.adam = new AdamW(config, Shard.decays(parameters, owned));
  }

  /** The array itself. */
  float[] master() {
    return master;
  }

  @Override
  public OwnedGradients gradients() {
    return OwnedGradients.of(gradients);
  }

  @Override
  public double gradientSquares() {
    double squares = 0;
    for (float value : gradients) {
      squares += (double) value * value;
    }
    return squares;
  }

  @Override
  public void update(long number, double learningRate, double scale) {
    adam.update(number, learningRate, master, gradients, scale);
  }

  @Override
  public float[] copy(Part part) {
    return array(part).clone();
  }

  @Override
  public void put(Part part, Ranges written, float[] values) {
    written.copy(values, array(part), owned.modelRanges());
  }

  private float[] array(Part part) {
    return switch (part) {
      case MASTER -> master;
      case MOMENT1 -> adam.moment1();
      case MOMENT2 -> adam.moment2();
    };
  }

  @Override
  public void close() {}
}
