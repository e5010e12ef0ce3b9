package io.moraine.model.attention;

import io.moraine.model.layer.Rotary;
import org.bytedeco.pytorch.Tensor;

/** Causal attention with its weights. */
public sealed interface Attention permits LatentAttention, GroupedQueryAttention {

  /**
   * Causal attention within each of B sequences.
   *
   * @shape x (B * L, D); result (B * L, D)
   */
  Tensor forward(Tensor x, int sequences, Rotary rotary);
}
