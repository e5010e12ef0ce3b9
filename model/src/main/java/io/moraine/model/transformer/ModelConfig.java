package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;

/**
 * A DeepSeek-V2/V3 transformer; names of the published inference/model.py in brackets.
 *
 * @param vocabularySize number of token ids, V ({@code vocab_size})
 * @param dim width of the residual stream, D ({@code dim})
 * @param layers number of layers ({@code n_layers})
 * @param denseLayers first layers with an ordinary feed-forward ({@code n_dense_layers})
 * @param denseFeedForwardDim width of those ({@code inter_dim})
 * @param maxSequenceLength ({@code max_seq_len})
 * @param normEpsilon of every RMSNorm ({@code rms_norm_eps})
 * @param initStd standard deviation of initial weights
 * @param attention sizes of latent attention
 * @param rotary positions
 * @param experts sizes of the experts
 * @param router how tokens choose experts
 * @param prediction of tokens beyond the next one
 * @param span what a token of a packed sequence attends to
 */
public record ModelConfig(
    int vocabularySize,
    int dim,
    int layers,
    int denseLayers,
    int denseFeedForwardDim,
    int maxSequenceLength,
    double normEpsilon,
    double initStd,
    AttentionConfig attention,
    RotaryConfig rotary,
    ExpertsConfig experts,
    RouterConfig router,
    PredictionConfig prediction,
    AttentionSpan span) {

  /**
   * Sizes of the experts.
   *
   * @param shared number of shared experts ({@code n_shared_experts})
   * @param feedForwardDim width of one expert, F ({@code moe_inter_dim})
   */
  public record ExpertsConfig(int shared, int feedForwardDim) {

    public ExpertsConfig {
      if (shared < 1 || feedForwardDim < 1) {
        throw new IllegalArgumentException(
            "shared and feed-forward-dim must be positive, got %d and %d"
                .formatted(shared, feedForwardDim));
      }
    }
  }

  /**
   * Multi-token prediction.
   *
   * @param depth number of modules, D: tokens predicted beyond the next one; 0 for none ({@code
   *     num_nextn_predict_layers})
   * @param lossWeight lambda, on the mean of the modules' losses
   */
  public record PredictionConfig(int depth, double lossWeight) {

    /** The next token alone. */
    public static final PredictionConfig NONE = new PredictionConfig(0, 0);

    public PredictionConfig {
      if (depth < 0) {
        throw new IllegalArgumentException("depth must be at least 0, got %d".formatted(depth));
      }
      if (!(lossWeight >= 0)) {
        throw new IllegalArgumentException(
            "loss-weight must be at least 0, got %s".formatted(lossWeight));
      }
    }
  }

  /** What a token attends to in a sequence that several documents were packed into. */
  public enum AttentionSpan {
    /** Everything before it, as in DeepSeek-V3. */
    ACROSS_DOCUMENTS,
    /** What stands before it of its own document. */
    WITHIN_DOCUMENTS
  }

  public ModelConfig {
    if (vocabularySize < 1 || dim < 1 || layers < 1 || maxSequenceLength < 1) {
      throw new IllegalArgumentException(
          "vocabulary-size, dim, layers and max-sequence-length must be positive, got %d, %d, %d and %d"
              .formatted(vocabularySize, dim, layers, maxSequenceLength));
    }
    if (denseLayers < 0 || denseLayers > layers) {
      throw new IllegalArgumentException(
          "dense-layers must be in [0, layers], got %d and %d".formatted(denseLayers, layers));
    }
    if (denseLayers > 0 && denseFeedForwardDim < 1) {
      throw new IllegalArgumentException(
          "dense-feed-forward-dim must be positive, got %d".formatted(denseFeedForwardDim));
    }
  }

  /** The same model without multi-token prediction, attending across documents. */
  public ModelConfig(
      int vocabularySize,
      int dim,
      int layers,
      int denseLayers,
      int denseFeedForwardDim,
      int maxSequenceLength,
      double normEpsilon,
      double initStd,
      AttentionConfig attention,
      RotaryConfig rotary,
      ExpertsConfig experts,
      RouterConfig router) {
    this(
        vocabularySize,
        dim,
        layers,
        denseLayers,
        denseFeedForwardDim,
        maxSequenceLength,
        normEpsilon,
        initStd,
        attention,
        rotary,
        experts,
        router,
        PredictionConfig.NONE,
        AttentionSpan.ACROSS_DOCUMENTS);
  }

  /** Whether a layer has an ordinary feed-forward; those of the modules are as the last layer. */
  public boolean isDense(int layer) {
    return Math.min(layer, layers - 1) < denseLayers;
  }

  /** Number of layers with experts, those of multi-token prediction among them, as the last. */
  public int moeLayers() {
    return denseLayers == layers ? 0 : layers - denseLayers + prediction.depth();
  }

  /** Bytes of float32 that a text's cache keeps per token, all layers of the main model. */
  public long cacheBytesPerToken() {
    return (long) Float.BYTES * layers * attention.cachedPerToken();
  }

  /** Bytes of float32 that full multi-head attention of as many heads would keep per token. */
  public long fullCacheBytesPerToken() {
    return (long) Float.BYTES * layers * attention.fullyCachedPerToken();
  }

  /** All weights, those of multi-token prediction among them. */
  public long parameters() {
    return WeightLayout.of(this).stream().mapToLong(slice -> slice.length()).sum();
  }

  /** Weights that take part in one token: all but the routed experts that it does not choose. */
  public long activeParameters() {
    long expert = 3L * dim * experts.feedForwardDim();
    long idle = (long) router.routedExperts() - router.activeExperts();
    return parameters() - moeLayers() * idle * expert;
  }
}
