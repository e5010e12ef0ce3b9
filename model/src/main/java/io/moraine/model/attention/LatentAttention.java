package io.moraine.model.attention;

import io.moraine.model.layer.RmsNorm;
import io.moraine.model.layer.Rotary;
import io.moraine.model.precision.Linear;
import io.moraine.model.precision.Precision;
import java.util.Optional;
import org.bytedeco.pytorch.DoubleOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * Multi-head latent attention: keys and values of all heads come from one small latent per token,
 * positions from one rotary key that the heads share.
 *
 * <p>Differs from the paper's equations, as the published code does: the latents are normalised
 * (RMSNorm) before they are projected up.
 *
 * @param config sizes
 * @param queries projections of the queries
 * @param wkvA to the latent and the rotary key; shape (latent + R, D)
 * @param kvNorm of the latent
 * @param wkvB latent to keys and values; shape (H * (N + V), latent)
 * @param wo heads to the residual stream; shape (D, H * V)
 * @param precision of the products of queries, keys and values
 * @param softmaxScale of query-key products
 * @source DeepSeek-AI, DeepSeek-V2, 2024, arXiv:2405.04434, Eq. 9-19
 */
public record LatentAttention(
    LatentConfig config,
    Queries queries,
    Linear wkvA,
    RmsNorm kvNorm,
    Linear wkvB,
    Linear wo,
    Precision precision,
    double softmaxScale)
    implements Attention {

  /**
   * Full-rank queries, or low-rank ones through a normalised latent.
   *
   * @param down to the latent; shape (L', D); empty for full-rank queries
   * @param norm of the latent; empty for full-rank queries
   * @param up to the heads; shape (H * Q, L') or (H * Q, D)
   */
  public record Queries(Optional<Linear> down, Optional<RmsNorm> norm, Linear up) {

    Tensor forward(Tensor x) {
      return down.isEmpty()
          ? up.forward(x)
          : up.forward(norm.orElseThrow().forward(down.get().forward(x)));
    }
  }

  @Override
  public Tensor forward(Tensor x, AttentionMask mask, Rotary rotary) {
    return attend(x, compress(x, mask.count(), rotary, 0), mask, rotary);
  }

  /**
   * {@inheritDoc}
   *
   * <p>The cache has latents and rotary keys. The first tokens are computed as {@link
   * #forward(Tensor, AttentionMask, Rotary)} does. Behind them, heads look at the latents
   * themselves: the keys' projection is applied to the queries, that of the values to what the
   * softmax gives, so that no old key or value is computed again.
   *
   * @shape x (T, D); result (T, D)
   * @source DeepSeek-V2, section 2.1.2 (absorption); inference/model.py, attn_impl "absorb"
   * @cost O(T * H * S * (latent + R)) for S tokens in all, O(T * H * (N + V) * latent) for the
   *     projections
   */
  @Override
  public Tensor forward(Tensor x, AttentionCache cache, Rotary rotary) {
    int from = cache.length();
    Compressed compressed = compress(x, 1, rotary, from);
    Tensor latent = compressed.latent();
    Tensor keyRotary = compressed.keyRotary().reshape(x.size(0), config.rotaryDim());
    Tensor rows = cache.append(torch.cat(new TensorVector(latent, keyRotary), 1));
    return from == 0
        ? attend(x, compressed, AttentionMask.whole(1), rotary)
        : attendAbsorbed(x, rows, from, rotary);
  }

  /**
   * What keys and values of all heads are computed from.
   *
   * @param latent normalised; shape (B * L, latent)
   * @param keyRotary rotated; shape (B, L, 1, R)
   */
  private record Compressed(Tensor latent, Tensor keyRotary) {}

  private Compressed compress(Tensor x, int sequences, Rotary rotary, int fromPosition) {
    long b = sequences;
    long l = x.size(0) / b;
    int r = config.rotaryDim();
    int latentDim = config.keyValueLatentDim();
    Tensor latentAndKey = wkvA.forward(x);
    return new Compressed(
        kvNorm.forward(latentAndKey.narrow(1, 0, latentDim)),
        rotary.rotate(latentAndKey.narrow(1, latentDim, r).reshape(b, l, 1, r), fromPosition));
  }

  private Tensor attend(Tensor x, Compressed compressed, AttentionMask mask, Rotary rotary) {
    long b = mask.count();
    long l = x.size(0) / b;
    int h = config.heads();
    int n = config.noPositionDim();
    int r = config.rotaryDim();
    int v = config.valueDim();

    Tensor q = queries.forward(x).view(b, l, h, n + r);
    Tensor qRotary = rotary.rotate(q.narrow(3, n, r), 0);
    Tensor query = cat(q.narrow(3, 0, n), qRotary);

    Tensor keysAndValues = wkvB.forward(compressed.latent()).view(b, l, h, n + v);
    Tensor key = cat(keysAndValues.narrow(3, 0, n), compressed.keyRotary().expand(b, l, h, r));
    Tensor value = keysAndValues.narrow(3, n, v);

    Tensor heads = attend(query, key, value, mask.visible());
    return wo.forward(heads.reshape(b * l, (long) h * v));
  }

  /**
   * Attention of tokens {@code from} and later over all rows of a cache.
   *
   * @shape x (T, D); rows (S, latent + R); result (T, D)
   */
  private Tensor attendAbsorbed(Tensor x, Tensor rows, int from, Rotary rotary) {
    long t = x.size(0);
    int h = config.heads();
    int n = config.noPositionDim();
    int r = config.rotaryDim();
    int v = config.valueDim();
    int latentDim = config.keyValueLatentDim();
    Tensor up = wkvB.rounded().view(h, n + v, latentDim);

    Tensor q = queries.forward(x).view(1, t, h, n + r);
    Tensor qRotary = rotary.rotate(q.narrow(3, n, r), from).squeeze(0).transpose(0, 1);
    Tensor qLatent = q.squeeze(0).narrow(2, 0, n).transpose(0, 1).matmul(up.narrow(1, 0, n));
    Tensor query = torch.cat(new TensorVector(qLatent, qRotary), 2);

    Tensor scores = query.matmul(rows.t()).mul(new Scalar(softmaxScale));
    Tensor later = AttentionMask.upToItself(t, from, scores).logical_not();
    Tensor hidden = scores.masked_fill(later, new Scalar(Double.NEGATIVE_INFINITY));
    Tensor mixed = torch.softmax(hidden, -1).matmul(rows.narrow(1, 0, latentDim));

    Tensor heads = mixed.matmul(up.narrow(1, n, v).transpose(1, 2)).transpose(0, 1);
    return wo.forward(heads.reshape(t, (long) h * v));
  }

  /**
   * Softmax attention over heads; values are padded to the keys' width, because libtorch's fast
   * kernel on a CPU wants equal widths.
   *
   * @shape query, key (B, L, H, Q); value (B, L, H, V); result (B, L, H, V)
   */
  private Tensor attend(Tensor query, Tensor key, Tensor value, Optional<Tensor> visible) {
    int padding = config.queryDim() - config.valueDim();
    boolean padded = padding > 0;
    Tensor wide = padded ? torch.constant_pad_nd(value, 0, padding) : value;
    Tensor out =
        torch
            .scaled_dot_product_attention(
                precision.operand(query).transpose(1, 2),
                precision.operand(key).transpose(1, 2),
                precision.operand(wide).transpose(1, 2),
                visible.map(TensorOptional::new).orElseGet(TensorOptional::new),
                0.0,
                visible.isEmpty(),
                new DoubleOptional(softmaxScale),
                false)
            .transpose(1, 2);
    return padded ? out.narrow(3, 0, config.valueDim()) : out;
  }

  private static Tensor cat(Tensor left, Tensor right) {
    return torch.cat(new TensorVector(left, right), 3);
  }
}
