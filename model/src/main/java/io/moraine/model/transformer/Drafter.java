package io.moraine.model.transformer;

import io.moraine.model.attention.AttentionCache;
import io.moraine.model.layer.Rotary;
import io.moraine.model.tensor.Device;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * The modules of multi-token prediction as they read one text behind the main model.
 *
 * <p>Module k needs token i + k at place i. A place is settled once the text goes on so far that
 * every module's cache has it for good; of later places the main model's hidden states are kept,
 * and each draft computes them anew.
 */
final class Drafter implements AutoCloseable {

  private final Weights weights;
  private final Rotary rotary;
  private final int dim;
  private final Device device;
  private final List<AttentionCache> caches = new ArrayList<>();
  private int settled;
  private Tensor unsettled;
  private Tensor drafted;

  Drafter(ModelConfig config, Weights weights, Rotary rotary, int depth, Device device) {
    this.weights = weights;
    this.rotary = rotary;
    this.dim = config.dim();
    this.device = device;
    for (int k = 0; k < depth; k++) {
      caches.add(Decoder.cache(config, device));
    }
    this.unsettled = nothing();
    this.drafted = nothing();
  }

  int depth() {
    return caches.size();
  }

  /**
   * Hears what the main model made of the next tokens.
   *
   * @param hidden behind the final norm; shape (T, D)
   */
  void read(Tensor hidden) {
    if (depth() > 0) {
      unsettled = replace(unsettled, torch.cat(new TensorVector(unsettled, hidden), 0));
    }
  }

  /**
   * The hidden state, behind module k's norm, that predicts what follows the text.
   *
   * @param text what the main model read and k tokens more
   * @shape result (1, D)
   */
  Tensor draft(int k, int[] text) {
    PredictionModule module = weights.predictionModules().get(k - 1);
    Layer layer = module.layer();
    AttentionCache cache = caches.get(k - 1);
    cache.truncate(settled);
    int[] next = Arrays.copyOfRange(text, settled + k, text.length);
    Tensor ids = device.tensor(next, next.length);
    Tensor joined =
        module.join(torch.embedding(weights.embedding(), ids), k == 1 ? unsettled : drafted);
    Tensor h = layer.forward(joined, AttentionContext.of(cache, rotary), RoutingListener.UNHEARD);
    Tensor hidden = module.norm().forward(h);
    drafted = replace(drafted, hidden);
    if (k == depth()) {
      settle(text.length - 2 * k + 1);
    }
    return hidden.narrow(0, hidden.size(0) - 1, 1);
  }

  /** Forgets the places from {@code newLength} on: none that is settled, or all. */
  void truncate(int newLength) {
    if (depth() == 0) {
      return;
    }
    if (newLength == 0) {
      settled = 0;
      unsettled = replace(unsettled, nothing());
    } else {
      keep(0, newLength - settled);
    }
  }

  @Override
  public void close() {
    caches.forEach(AttentionCache::close);
    unsettled.close();
    drafted.close();
  }

  private void settle(int places) {
    int more = Math.max(0, places - settled);
    keep(more, Math.toIntExact(unsettled.size(0)) - more);
    settled += more;
  }

  private void keep(int from, int count) {
    Objects.checkFromIndexSize(from, count, Math.toIntExact(unsettled.size(0)));
    try (PointerScope scope = new PointerScope()) {
      unsettled = replace(unsettled, unsettled.narrow(0, from, count).clone());
    }
  }

  private Tensor nothing() {
    return torch.zeros(new long[] {0, dim}, device.options(torch.ScalarType.Float));
  }

  /** Keeps a tensor beyond the scope that it was made in. */
  private static Tensor replace(Tensor old, Tensor next) {
    Tensor kept = next.retainReference();
    old.close();
    return kept;
  }
}
