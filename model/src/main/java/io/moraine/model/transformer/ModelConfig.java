package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;
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
    boolean hasTiedEmbeddings) {

  /**
   * Sizes of the experts.
   *
   * @param shared number of shared experts ({@code n_shared_experts})
   * @param feedForwardDim width of one expert, F ({@code moe_inter_dim})
   */
  public record ExpertsConfig(int shared, int feedForwardDim) {

    /** Of a dense model. */
    public static ExpertsConfig none() {
      return new ExpertsConfig(0, 0);
    }
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
    if (denseLayers < layers
        && (router.routedExperts() < 1 || experts.shared() < 1 || experts.feedForwardDim() < 1)) {
      throw new IllegalArgumentException(
          "experts.routed, experts.shared and experts.feed-forward-dim must be positive with layers %d above dense-layers %d, got %d, %d and %d"
              .formatted(
                  layers,
                  denseLayers,
                  router.routedExperts(),
                  experts.shared(),
                  experts.feedForwardDim()));
    }
  }

  /** Number of layers with experts. */
  public int moeLayers() {
    return layers - denseLayers;
  }

  /** Names, shapes and places of all weights. */
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
