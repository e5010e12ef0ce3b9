package io.moraine.model.attention;

import io.moraine.model.layer.Rotary;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
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
 * @param softmaxScale of query-key products
 * @source Ainslie et al., GQA, 2023, arXiv:2305.13245, section 2.2
 */
public record GroupedQueryAttention(
    GroupedQueryConfig config, Tensor wq, Tensor wk, Tensor wv, Tensor wo, double softmaxScale)
    implements Attention {

  @Override
  public Tensor forward(Tensor x, int sequences, Rotary rotary) {
    long b = sequences;
    long l = x.size(0) / b;
    int h = config.heads();
    int kv = config.keyValueHeads();
    int d = config.headDim();

    Tensor query = rotary.rotate(torch.linear(x, wq).view(b, l, h, d), 0);
    Tensor key = rotary.rotate(torch.linear(x, wk).view(b, l, kv, d), 0);
    Tensor value = torch.linear(x, wv).view(b, l, kv, d);

    Tensor heads =
        torch
            .scaled_dot_product_attention(
                query.transpose(1, 2),
                forEachHead(key, b, l).transpose(1, 2),
                forEachHead(value, b, l).transpose(1, 2),
                new TensorOptional(),
                0.0,
                true,
                new DoubleOptional(softmaxScale),
                false)
            .transpose(1, 2);
    return torch.linear(heads.reshape(b * l, (long) h * d), wo);
  }

  /**
   * Shows each query head the keys or values of its group.
   *
   * @shape shared (B, L, key-value heads, Q); result (B, L, H, Q)
   */
  private Tensor forEachHead(Tensor shared, long b, long l) {
    int kv = config.keyValueHeads();
    int group = config.heads() / kv;
    int d = config.headDim();
    return group == 1
        ? shared
        : shared.unsqueeze(3).expand(b, l, kv, group, d).reshape(b, l, config.heads(), d);
  }
}
