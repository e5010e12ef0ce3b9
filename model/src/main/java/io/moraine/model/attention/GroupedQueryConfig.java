package io.moraine.model.attention;

/**
 * Sizes of grouped-query attention; with as many key-value heads as heads it is ordinary multi-head
 * attention.
 *
 * @param heads H ({@code num_attention_heads})
 * @param keyValueHeads each shared by {@code heads / keyValueHeads} query heads; divides H ({@code
 *     num_key_value_heads})
 * @param headDim of queries, keys and values; even ({@code head_dim})
 */
public record GroupedQueryConfig(int heads, int keyValueHeads, int headDim)
    implements AttentionConfig {

  public GroupedQueryConfig {
    if (keyValueHeads < 1 || heads < keyValueHeads || heads % keyValueHeads != 0) {
      throw new IllegalArgumentException(
          "heads must be a multiple of key-value-heads, got %d and %d"
              .formatted(heads, keyValueHeads));
    }
    if (headDim < 2 || headDim % 2 != 0) {
      throw new IllegalArgumentException(
          "head-dim must be even and positive, got %d".formatted(headDim));
    }
  }

  @Override
  public int queryDim() {
    return headDim;
  }

  @Override
  public int rotaryDim() {
    return headDim;
  }

  @Override
  public int valueDim() {
    return headDim;
  }

  /** A key and a value per key-value head. */
  @Override
  public int cachedPerToken() {
    return 2 * keyValueHeads * headDim;
  }

  @Override
  public long fullyCachedPerToken() {
    return 2L * heads * headDim;
  }
}
