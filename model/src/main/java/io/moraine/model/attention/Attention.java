package io.moraine.model.attention;

import io.moraine.model.layer.Rotary;
import org.bytedeco.pytorch.Tensor;

/** Causal attention with its weights. */
public sealed interface Attention permits LatentAttention, GroupedQueryAttention {

  /**
   * Causal attention within each of B sequences, or within their documents.
   *
   * @shape x (B * L, D); result (B * L, D)
   */
  Tensor forward(Tensor x, AttentionMask mask, Rotary rotary);

  /**
   * Causal attention of the next tokens of one text over themselves and those in the cache, which
   * gets the new ones too.
   *
   * @shape x (T, D); result (T, D)
   */
  Tensor forward(Tensor x, AttentionCache cache, Rotary rotary);
}
