package io.moraine.model.attention;

import io.moraine.model.layer.Rotary;
import io.moraine.model.precision.Linear;
import io.moraine.model.precision.Precision;
import java.util.Optional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Grouped-query attention, as in Llama 3: several query heads share one head of keys and values;
 * positions rotate whole queries and keys.
 *
 * @param config sizes
 * @param wq queries; shape (H * Q, D)
 * @param wk keys; shape (key-value heads * Q, D)
 * @param wv values; shape (key-value heads * Q, D)
 * @param wo heads to the residual stream; shape (D, H * Q)
 * @param precision of the products of queries, keys and values
 * @param softmaxScale of query-key products
 * @source Ainslie et al., GQA, 2023, arXiv:2305.13245, section 2.2
 */
public record GroupedQueryAttention(
    GroupedQueryConfig config,
    Linear wq,
    Linear wk,
    Linear wv,
    Linear wo,
    Precision precision,
    double softmaxScale)
    implements Attention {

  @Override
  public Tensor forward(Tensor x, AttentionMask mask, Rotary rotary) {
    long b = mask.count();
    long l = x.size(0) / b;
    int kv = config.keyValueHeads();
    int d = config.headDim();

    Tensor key = rotary.rotate(wk.forward(x).view(b, l, kv, d), 0);
    Tensor value = wv.forward(x).view(b, l, kv, d);
    return attend(x, key, value, mask.visible(), 0, rotary);
  }

  /**
   * {@inheritDoc}
   *
   * <p>The cache has rotated keys and values.
   */
  @Override
  public Tensor forward(Tensor x, AttentionCache cache, Rotary rotary) {
    int from = cache.length();
    long t = x.size(0);
    int kv = config.keyValueHeads();
    int d = config.headDim();

    Tensor newKeys = rotary.rotate(wk.forward(x).view(1, t, kv, d), from);
    Tensor newRows =
        torch.cat(new TensorVector(newKeys.reshape(t, (long) kv * d), wv.forward(x)), 1);
    Tensor rows = cache.append(newRows).view(1, -1, 2L * kv, d);
    Optional<Tensor> visible =
        from == 0 ? Optional.empty() : Optional.of(AttentionMask.upToItself(t, from, x));
    return attend(x, rows.narrow(2, 0, kv), rows.narrow(2, kv, kv), visible, from, rotary);
  }

  /**
   * Attention of tokens {@code from} and later of each sequence over S keys and values.
   *
   * @param visible keys that each token sees; empty if all up to itself, then S = L
   * @shape x (B * L, D); key, value (B, S, key-value heads, Q); result (B * L, D)
   */
  private Tensor attend(
      Tensor x, Tensor key, Tensor value, Optional<Tensor> visible, int from, Rotary rotary) {
    long b = key.size(0);
    long l = x.size(0) / b;
    int h = config.heads();
    int d = config.headDim();
    Tensor query = rotary.rotate(wq.forward(x).view(b, l, h, d), from);
    Tensor heads =
        torch
            .scaled_dot_product_attention(
                precision.operand(query).transpose(1, 2),
                forEachHead(precision.operand(key)).transpose(1, 2),
                forEachHead(precision.operand(value)).transpose(1, 2),
                visible.map(TensorOptional::new).orElseGet(TensorOptional::new),
                0.0,
                visible.isEmpty(),
                new DoubleOptional(softmaxScale),
                false)
            .transpose(1, 2);
    return wo.forward(heads.reshape(b * l, (long) h * d));
  }

  /**
   * Shows each query head the keys or values of its group.
   *
   * @shape shared (B, S, key-value heads, Q); result (B, S, H, Q)
   */
  private Tensor forEachHead(Tensor shared) {
    long b = shared.size(0);
    long s = shared.size(1);
    int kv = config.keyValueHeads();
    int group = config.heads() / kv;
    int d = config.headDim();
    return group == 1
        ? shared
        : shared.unsqueeze(3).expand(b, s, kv, group, d).reshape(b, s, config.heads(), d);
  }
}
