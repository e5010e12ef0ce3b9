package io.moraine.model.transformer;

import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;

/**
 * Memory that a training pass takes beside weights and gradients, from the configuration alone.
 *
 * <p>Counts float32 numbers per token: what autograd keeps from forward until backward is through,
 * each tensor once, views not at all; and what backward has at its widest place. Where each tensor
 * is mapped by itself 3 % more was measured, in one arena 12 % and, of layers computed again, 75 %.
 *
 * @param config of the model, its products in float32
 * @source measured beside it: docs/benchmarks/training_2core_202611.md
 */
public record ActivationCost(ModelConfig config) {

  /** An index of a token or an expert has 64 bits. */
  private static final int INDEX = 2;

  /** Twice: what a norm is of, the normalised, its output. */
  private static final int STREAMS_OF_LAYER = 6;

  /** Logarithms of probabilities, their gradients, those of logits. */
  private static final int HEADS = 3;

  /** Numbers per token at the peak of a pass. */
  public long valuesPerToken(Recompute recompute) {
    long vocabulary = config.vocabularySize();
    long widest = Math.max(dense(), config.moeLayers() == 0 ? 0 : experts());
    long kept = 0;
    for (int layer = 0; layer < config.layers(); layer++) {
      kept += layer < config.denseLayers() ? dense() : experts();
    }
    int depth = config.prediction().depth();
    return outside()
        + switch (recompute) {
          case NONE ->
              kept + depth * (module() + vocabulary) + Math.max(HEADS * vocabulary, widest);
          case LAYERS ->
              (long) (config.layers() + depth) * config.dim()
                  + depth * vocabulary
                  + Math.max(HEADS * vocabulary, 2 * widest);
        };
  }

  /** Embedding, final norm and its output. */
  private long outside() {
    return 3L * config.dim();
  }

  /** Embedding and hidden state, both normalised, both side by side; a layer; its norm. */
  private long module() {
    return 9L * config.dim() + (config.moeLayers() == 0 ? dense() : experts());
  }

  private long dense() {
    return STREAMS_OF_LAYER * (long) config.dim()
        + attention()
        + feedForward(config.denseFeedForwardDim());
  }

  /** Per chosen expert: the token's row, its four steps, the result. */
  private long experts() {
    long routed = config.router().routedExperts();
    long chosen = config.router().activeExperts();
    long width = config.experts().feedForwardDim();
    long perExpert = 2L * config.dim() + feedForward(width);
    long routing = 4 * routed + chosen * (5 + 3 * INDEX);
    return STREAMS_OF_LAYER * (long) config.dim()
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
    long latents = 3L * (a.queryLatentDim() + a.keyValueLatentDim()) + a.rotaryDim();
    long queriesAndKeys = 2 * queries + a.heads();
    // Values as they come, beside keys, or padded; and so what the kernel gives.
    long keysAndValues = (long) a.heads() * (a.noPositionDim() + a.valueDim());
    return latents + queriesAndKeys + (padsValues ? 2 * queries : keysAndValues) + values;
  }

  private long groupedQuery(GroupedQueryConfig a) {
    long queries = (long) a.heads() * a.headDim();
    long keys = (long) a.keyValueHeads() * a.headDim();
    boolean repeats = a.heads() > a.keyValueHeads();
    return 2 * queries + 2 * (repeats ? queries : keys) + a.heads();
  }
}
