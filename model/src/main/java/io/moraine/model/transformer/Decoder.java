package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionCache;
import io.moraine.model.layer.Rotary;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Floats;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Reads one text piece by piece and gives logits, without gradients: each layer keeps what its
 * attention needs of the tokens before, so that only new tokens are computed.
 *
 * <p>The model must outlive it and must not change meanwhile. One thread.
 */
public final class Decoder implements AutoCloseable {

  private final ModelConfig config;
  private final Device device;
  private final Weights weights;
  private final Rotary rotary;
  private final List<AttentionCache> caches = new ArrayList<>();
  private final Drafter drafter;

  Decoder(ModelConfig config, Weights weights, Rotary rotary, int draftDepth, Device device) {
    this.config = config;
    this.device = device;
    this.weights = weights;
    this.rotary = rotary;
    this.drafter = new Drafter(config, weights, rotary, draftDepth, device);
    for (int layer = 0; layer < config.layers(); layer++) {
      caches.add(cache(config, device));
    }
  }

  static AttentionCache cache(ModelConfig config, Device device) {
    return new AttentionCache(
        config.maxSequenceLength(), config.attention().cachedPerToken(), device);
  }

  /** Number of tokens read. */
  public int length() {
    return caches.get(0).length();
  }

  /** Number of tokens that {@link #draft} can predict beyond the next one. */
  public int draftDepth() {
    return drafter.depth();
  }

  /**
   * Reads the next tokens of the text.
   *
   * @param tokens at least one; at most {@code maxSequenceLength} in all
   * @param places how many of them, the last ones, get logits
   * @return logits of what follows each of these; row-major; shape (places, V)
   * @throws IndexOutOfBoundsException if the text becomes longer than {@code maxSequenceLength}
   */
  public float[] read(int[] tokens, int places) {
    Objects.checkFromIndexSize(length(), tokens.length, config.maxSequenceLength());
    Objects.checkFromIndexSize(0, places, tokens.length);
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor h = torch.embedding(weights.embedding(), device.tensor(tokens, tokens.length));
      for (int i = 0; i < caches.size(); i++) {
        h = through(weights.layers().get(i), h, caches.get(i));
      }
      Tensor hidden = weights.norm().forward(h);
      drafter.read(hidden);
      return Floats.of(weights.head().forward(hidden.narrow(0, tokens.length - places, places)));
    }
  }

  /**
   * Predicts one token beyond: module k of multi-token prediction, which must be called for k = 1,
   * 2, ... in turn.
   *
   * @param text the tokens read and k more: the next one and k - 1 drafted ones
   * @return logits of what follows the text; shape (V)
   */
  public float[] draft(int k, int[] text) {
    if (text.length != length() + k) {
      throw new IllegalArgumentException(
          "module %d needs the text read and %d more tokens, got %d and %d in all"
              .formatted(k, k, length(), text.length));
    }
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      return Floats.of(weights.head().forward(drafter.draft(k, text)));
    }
  }

  /**
   * Forgets the tokens from {@code newLength} on: at least what the last draft began with, or 0.
   */
  public void truncate(int newLength) {
    caches.forEach(cache -> cache.truncate(newLength));
    drafter.truncate(newLength);
  }

  @Override
  public void close() {
    caches.forEach(AttentionCache::close);
    drafter.close();
  }

  private Tensor through(Layer layer, Tensor h, AttentionCache cache) {
    return layer.forward(h, AttentionContext.of(cache, rotary), RoutingListener.UNHEARD);
  }
}
