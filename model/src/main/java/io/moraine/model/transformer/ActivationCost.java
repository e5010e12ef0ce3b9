package io.moraine.model.transformer;

import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.RotaryConfig;

/**
 * Memory that a training pass takes beside weights and gradients, from the configuration alone.
 *
 * <p>Counts float32 numbers per token: what forward computes stays until backward is through, each
 * tensor once, views not at all; and what backward has at its widest place. An allocator needs
 * more: 6 to 24 % were measured.
 *
 * @param config of the model, its products in float32
 * @source measured beside it: docs/benchmarks/training_2core_202611.md
 */
public record ActivationCost(ModelConfig config) {

  /** An index of a token or an expert has 64 bits. */
  private static final int INDEX = 2;

  /** Norm, its output, attention, sum; norm, its output, feed-forward, sum. */
  private static final int STREAMS_OF_LAYER = 8;

  /** Logits, their logarithms of probabilities, and the gradients of both. */
  private static final int HEADS = 4;

  /** Numbers per token at the peak of a pass. */
  public long valuesPerToken(Recompute recompute) {
    long head = (long) HEADS * config.vocabularySize();
    long gradientsOfHead = head / 2;
    long widest = Math.max(dense(), config.moeLayers() == 0 ? 0 : experts());
    long kept = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      kept += layer < config.denseLayers() ? dense() : experts();
    }
    kept += (long) config.prediction().depth() * (module() + head / 2);
    return switch (recompute) {
      case NONE -> kept + outside() + head + Math.max(0, widest - gradientsOfHead);
      case LAYERS ->
          (long) (config.layers() + config.prediction().depth()) * config.dim()
              + outside()
              + head
              + Math.max(0, 2 * widest - gradientsOfHead);
    };
  }

  /** Embedding, final norm and its output. */
  private long outside() {
    return 3L * config.dim();
  }

  /** Two norms and their outputs, embedding, both side by side, projected; a layer; its norm. */
  private long module() {
    return 10L * config.dim() + (config.moeLayers() == 0 ? dense() : experts());
  }

  private long dense() {
    return STREAMS_OF_LAYER * (long) config.dim()
        + attention()
        + feedForward(config.denseFeedForwardDim());
  }

  /**
   * Per chosen expert: the token's row, its four steps, the result, as it stands with all others,
   * weighted.
   */
  private long experts() {
    long routed = config.router().routedExperts();
    long chosen = config.router().activeExperts();
    long width = config.experts().feedForwardDim();
    long perExpert = 4L * config.dim() + feedForward(width);
    long routing = 4 * routed + chosen * (5 + 3 * INDEX);
    return (STREAMS_OF_LAYER + 1) * (long) config.dim()
        + attention()
        + feedForward(config.experts().shared() * width)
        + chosen * perExpert
        + routing;
  }

  /** Gate, its silu, the other half, their product. */
  private static long feedForward(long width) {
    return 4 * width;
  }

  private long attention() {
    return config.attention() instanceof LatentConfig latent
        ? latent(latent)
        : groupedQuery((GroupedQueryConfig) config.attention());
  }

  private long latent(LatentConfig a) {
    long queries = (long) a.heads() * a.queryDim();
    long values = (long) a.heads() * a.valueDim();
    boolean padsValues = a.queryDim() > a.valueDim();
    long intoQueries =
        3L * a.queryLatentDim() + queries + rotated((long) a.heads() * a.rotaryDim());
    long intoKeys = 3L * a.keyValueLatentDim() + a.rotaryDim() + rotated(a.rotaryDim());
    long keysAndValues = (long) a.heads() * (a.noPositionDim() + a.valueDim());
    long kernel = 3 * queries + a.heads();
    return intoQueries + intoKeys + keysAndValues + kernel + (padsValues ? queries + values : 0);
  }

  private long groupedQuery(GroupedQueryConfig a) {
    long queries = (long) a.heads() * a.headDim();
    long keys = (long) a.keyValueHeads() * a.headDim();
    boolean repeats = a.heads() > a.keyValueHeads();
    long into = queries + 2 * keys + rotated(queries) + rotated(keys);
    return into + (repeats ? 2 * queries : 0) + queries + a.heads();
  }

  /** What rotating takes: the result, and copies from and to halves. */
  private long rotated(long values) {
    return config.rotary().layout() == RotaryConfig.Layout.HALVES ? 3 * values : values;
  }
}
