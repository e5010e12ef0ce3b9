package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Slice;
import java.util.List;

/**
 * A DeepSeek-V2/V3 transformer, or a dense one like Llama 3; names of the published
 * inference/model.py in brackets.
 *
 * @param vocabularySize number of token ids, V ({@code vocab_size})
 * @param dim width of the residual stream, D ({@code dim})
 * @param layers number of layers ({@code n_layers})
 * @param denseLayers first layers with an ordinary feed-forward ({@code n_dense_layers})
 * @param denseFeedForwardDim width of those ({@code inter_dim})
 * @param maxSequenceLength ({@code max_seq_len})
 * @param normEpsilon of every RMSNorm but those of latents ({@code rms_norm_eps})
 * @param initStd standard deviation of initial weights
 * @param attention kind and sizes
 * @param rotary positions
 * @param experts sizes of the experts; zeros without any
 * @param router how tokens choose experts; {@link RouterConfig#none()} without any
 * @param hasTiedEmbeddings whether the output head is the embedding ({@code tie_word_embeddings})
 * @param prediction of tokens beyond the next one
 * @param span what a token of a packed sequence attends to
 * @param precision of matrix products
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
    boolean hasTiedEmbeddings,
    PredictionConfig prediction,
    AttentionSpan span,
    Precision precision) {

  /**
   * Sizes of the experts.
   *
   * @param shared number of shared experts ({@code n_shared_experts})
   * @param feedForwardDim width of one expert, F ({@code moe_inter_dim})
   */
  public record ExpertsConfig(int shared, int feedForwardDim) {

    public ExpertsConfig {
      if (shared < 0 || feedForwardDim < 0) {
        throw new IllegalArgumentException(
            "experts.shared and experts.feed-forward-dim must not be negative, got %d and %d"
                .formatted(shared, feedForwardDim));
      }
    }

    /** Of a dense model. */
    public static ExpertsConfig none() {
      return new ExpertsConfig(0, 0);
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
    if (denseLayers < layers && (router.routedExperts() < 1 || experts.feedForwardDim() < 1)) {
      throw new IllegalArgumentException(
          "experts.routed and experts.feed-forward-dim must be positive with layers %d above dense-layers %d, got %d and %d"
              .formatted(layers, denseLayers, router.routedExperts(), experts.feedForwardDim()));
    }
  }

  /** The same model without multi-token prediction, attending across documents, in float32. */
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
      RouterConfig router,
      boolean hasTiedEmbeddings) {
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
        hasTiedEmbeddings,
        PredictionConfig.NONE,
        AttentionSpan.ACROSS_DOCUMENTS,
        Precision.FLOAT32);
  }

  /** The same model with products of another precision. */
  public ModelConfig with(Precision other) {
    return with(prediction, other);
  }

  /** The same main model with other modules of multi-token prediction. */
  public ModelConfig with(PredictionConfig other) {
    return with(other, precision);
  }

  private ModelConfig with(PredictionConfig otherPrediction, Precision otherPrecision) {
    return new ModelConfig(
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
        hasTiedEmbeddings,
        otherPrediction,
        span,
        otherPrecision);
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

  /** Names, shapes and places of all weights, those of multi-token prediction last. */
  public List<Slice> weights() {
    return WeightLayout.of(this);
  }

  /** Number of all weights. */
  public long parameters() {
    return weights().stream().mapToLong(Slice::length).sum();
  }

  /** Weights that take part in one token: all but the routed experts that it does not choose. */
  public long activeParameters() {
    long expert = 3L * dim * experts.feedForwardDim();
    long idle = (long) router.routedExperts() - router.activeExperts();
    return parameters() - moeLayers() * idle * expert;
  }
}
