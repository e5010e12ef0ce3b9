package io.moraine.model.attention;

import io.moraine.model.layer.RmsNorm;
import io.moraine.model.layer.Rotary;
import java.util.Optional;
import org.bytedeco.pytorch.DoubleOptional;
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
 * @param wkvA to the latent and the rotary key; shape (L + R, D)
 * @param kvNorm of the latent
 * @param wkvB latent to keys and values; shape (H * (N + V), L)
 * @param wo heads to the residual stream; shape (D, H * V)
 * @param softmaxScale of query-key products
 * @source DeepSeek-AI, DeepSeek-V2, 2024, arXiv:2405.04434, Eq. 9-19
 */
public record LatentAttention(
    LatentConfig config,
    Queries queries,
    Tensor wkvA,
    RmsNorm kvNorm,
    Tensor wkvB,
    Tensor wo,
    double softmaxScale)
    implements Attention {

  /**
   * Full-rank queries, or low-rank ones through a normalised latent.
   *
   * @param down to the latent; shape (L', D); empty for full-rank queries
   * @param norm of the latent; empty for full-rank queries
   * @param up to the heads; shape (H * Q, L') or (H * Q, D)
   */
  public record Queries(Optional<Tensor> down, Optional<RmsNorm> norm, Tensor up) {

    Tensor forward(Tensor x) {
      return down.isEmpty()
          ? torch.linear(x, up)
          : torch.linear(norm.orElseThrow().forward(torch.linear(x, down.get())), up);
    }
  }

  @Override
  public Tensor forward(Tensor x, int sequences, Rotary rotary) {
    long b = sequences;
    long l = x.size(0) / b;
    int h = config.heads();
    int n = config.noPositionDim();
    int r = config.rotaryDim();
    int v = config.valueDim();

    Tensor q = queries.forward(x).view(b, l, h, n + r);
    Tensor qRotary = rotary.rotate(q.narrow(3, n, r), 0);
    Tensor query = cat(q.narrow(3, 0, n), qRotary);

    Tensor latentAndKey = torch.linear(x, wkvA);
    int latentDim = config.keyValueLatentDim();
    Tensor latent = kvNorm.forward(latentAndKey.narrow(1, 0, latentDim));
    Tensor keyRotary = rotary.rotate(latentAndKey.narrow(1, latentDim, r).reshape(b, l, 1, r), 0);
    Tensor keysAndValues = torch.linear(latent, wkvB).view(b, l, h, n + v);
    Tensor key = cat(keysAndValues.narrow(3, 0, n), keyRotary.expand(b, l, h, r));
    Tensor value = keysAndValues.narrow(3, n, v);

    Tensor heads = attend(query, key, value);
    return torch.linear(heads.reshape(b * l, (long) h * v), wo);
  }

  /**
   * Softmax attention over heads; values are padded to the keys' width, because libtorch's fast
   * kernel on a CPU wants equal widths.
   *
   * @shape query, key (B, L, H, Q); value (B, L, H, V); result (B, L, H, V)
   */
  private Tensor attend(Tensor query, Tensor key, Tensor value) {
    int padding = config.queryDim() - config.valueDim();
    boolean padded = padding > 0;
    Tensor wide = padded ? torch.constant_pad_nd(value, 0, padding) : value;
    Tensor out =
        torch
            .scaled_dot_product_attention(
                query.transpose(1, 2),
                key.transpose(1, 2),
                wide.transpose(1, 2),
                new TensorOptional(),
                0.0,
                true,
                new DoubleOptional(softmaxScale),
                false)
            .transpose(1, 2);
    return padded ? out.narrow(3, 0, config.valueDim()) : out;
  }

  private static Tensor cat(Tensor left, Tensor right) {
    return torch.cat(new TensorVector(left, right), 3);
  }
}
