package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryScaling;
import io.moraine.model.moe.RouterConfig;

/** The model of conf/models/small.conf, and a dense one that costs as much per token. */
public final class SmallModels {

  /** Tokens of a sequence. */
  public static final int LENGTH = 512;

  /** Number of token ids. */
  public static final int VOCABULARY = 8192;

  private static final int DIM = 256;
  private static final int LAYERS = 6;
  private static final int VECTOR = 16;

  private SmallModels() {}

  /** conf/models/small.conf. */
  public static ModelConfig experts() {
    return model(
        1,
        1024,
        new LatentConfig(4, 128, 96, 48, 16, 48),
        RotaryConfig.Layout.INTERLEAVED,
        new ModelConfig.ExpertsConfig(1, 320),
        new RouterConfig(16, 2, 1, 1, RouterConfig.Score.SIGMOID, 1, true, 1e-4));
  }

  /**
   * Llama's form, as wide and deep, four heads of 64 with two of keys and values; the feed-forward
   * is as wide, in multiples of 16, as the training of a token may cost what that of {@link
   * #experts()} does.
   */
  public static ModelConfig dense() {
    double aim = new ModelCost(experts()).trainingFlops(LENGTH);
    int width = VECTOR;
    while (new ModelCost(dense(width + VECTOR)).trainingFlops(LENGTH) <= aim) {
      width += VECTOR;
    }
    return dense(width);
  }

  private static ModelConfig dense(int width) {
    return model(
        LAYERS,
        width,
        new GroupedQueryConfig(4, 2, 64),
        RotaryConfig.Layout.HALVES,
        ModelConfig.ExpertsConfig.none(),
        RouterConfig.none());
  }

  private static ModelConfig model(
      int denseLayers,
      int feedForwardDim,
      AttentionConfig attention,
      RotaryConfig.Layout layout,
      ModelConfig.ExpertsConfig experts,
      RouterConfig router) {
    return new ModelConfig(
        VOCABULARY,
        DIM,
        LAYERS,
        denseLayers,
        feedForwardDim,
        LENGTH,
        1e-6,
        0.02,
        attention,
        new RotaryConfig(10000, layout, new RotaryScaling.None()),
        experts,
        router,
        true);
  }
}
