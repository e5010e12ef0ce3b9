package io.moraine.model.transformer;

import io.moraine.model.attention.Attention;
import io.moraine.model.attention.AttentionCache;
import io.moraine.model.attention.AttentionMask;
import io.moraine.model.layer.Rotary;
import org.bytedeco.pytorch.Tensor;

/** What a layer's attention looks at: whole sequences, or what a cache keeps of a text. */
@FunctionalInterface
interface AttentionContext {

  /**
   * Applies a layer's attention.
   *
   * @shape x (T, D), normalised; result (T, D)
   */
  Tensor attend(Attention attention, Tensor x);

  static AttentionContext of(AttentionMask mask, Rotary rotary) {
    return (attention, x) -> attention.forward(x, mask, rotary);
  }

  /** The cache is one layer's; what is attended to is added to it. */
  static AttentionContext of(AttentionCache cache, Rotary rotary) {
    return (attention, x) -> attention.forward(x, cache, rotary);
  }
}
