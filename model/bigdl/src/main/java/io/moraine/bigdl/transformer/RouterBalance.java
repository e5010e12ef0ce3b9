package io.moraine.bigdl.transformer;

import io.moraine.model.moe.RouterConfig;
import io.moraine.model.train.ExpertBalance;
import java.io.Serializable;
import java.util.Arrays;

/** Expert load counts and selection biases of all layers with experts. */
final class RouterBalance implements ExpertBalance, Serializable {

  private static final long serialVersionUID = 1L;

  private final int layers;
  private final int experts;
  private final boolean hasBias;
  private final long[] load;
  private final float[] bias;

  RouterBalance(int layers, RouterConfig config) {
    this.layers = layers;
    this.experts = config.routedExperts();
    this.hasBias = config.hasSelectionBias();
    this.load = new long[layers * experts];
    this.bias = new float[layers * experts];
  }

  /** Of one layer; shape (E). */
  float[] biasOf(int layer) {
    return Arrays.copyOfRange(bias, layer * experts, (layer + 1) * experts);
  }

  /** Counts the choices of the tokens that are learned from. */
  void count(int layer, Routing routing, BatchAtHand batch) {
    int[] chosen = routing.experts();
    for (int place = 0; place < chosen.length; place++) {
      if (batch.isLearned(place / routing.config().activeExperts())) {
        load[layer * experts + chosen[place]]++;
      }
    }
  }

  @Override
  public int layers() {
    return layers;
  }

  @Override
  public int experts() {
    return experts;
  }

  @Override
  public long[] takeLoad() {
    long[] taken = load.clone();
    Arrays.fill(load, 0);
    return taken;
  }

  @Override
  public void updateBias(long[] globalLoad, float gamma) {
    if (hasBias) {
      ExpertBalance.move(bias, globalLoad, experts, gamma);
    }
  }

  @Override
  public float[] bias() {
    return bias.clone();
  }

  @Override
  public void setBias(float[] values) {
    if (values.length != bias.length) {
      throw new IllegalArgumentException(
          "bias must have %d * %d values, got %d".formatted(layers, experts, values.length));
    }
    System.arraycopy(values, 0, bias, 0, bias.length);
  }
}
