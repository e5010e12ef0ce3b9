package io.moraine.model.attention;

/**
 * Sizes of multi-head latent attention.
 *
 * @param heads H ({@code n_heads})
 * @param queryLatentDim of the low-rank queries; 0 for full-rank queries ({@code q_lora_rank})
 * @param keyValueLatentDim of the joint key-value latent ({@code kv_lora_rank})
 * @param noPositionDim per head, without positions ({@code qk_nope_head_dim})
 * @param rotaryDim per head, the decoupled rotary key; even ({@code qk_rope_head_dim})
 * @param valueDim per head ({@code v_head_dim})
 */
public record LatentConfig(
    int heads,
    int queryLatentDim,
    int keyValueLatentDim,
    int noPositionDim,
    int rotaryDim,
    int valueDim)
    implements AttentionConfig {

  /** Of the norms of both latents, whatever the other norms have: so in both published codes. */
  public static final double NORM_EPSILON = 1e-6;

  public LatentConfig {
    if (heads < 1
        || queryLatentDim < 0
        || keyValueLatentDim < 1
        || noPositionDim < 1
        || valueDim < 1) {
      throw new IllegalArgumentException(
          "heads, key-value-latent-dim, no-position-dim and value-dim must be positive, got %d, %d, %d and %d"
              .formatted(heads, keyValueLatentDim, noPositionDim, valueDim));
    }
    if (rotaryDim < 2 || rotaryDim % 2 != 0) {
      throw new IllegalArgumentException(
          "rotary-dim must be even and positive, got %d".formatted(rotaryDim));
    }
  }

  /** Both parts. */
  @Override
  public int queryDim() {
    return noPositionDim + rotaryDim;
  }

  /** The latent and the rotary key. */
  @Override
  public int cachedPerToken() {
    return keyValueLatentDim + rotaryDim;
  }

  /**
   * A key and a value per head, the key without the rotary part, which only latent attention needs.
   *
   * @source DeepSeek-V2, Table 1: {@code 2 n_h d_h} per layer
   */
  @Override
  public long fullyCachedPerToken() {
    return (long) heads * (noPositionDim + valueDim);
  }

  /** Whether queries go through a latent. */
  public boolean hasLowRankQueries() {
    return queryLatentDim > 0;
  }
}
