package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.attention.LatentConfig;
import java.io.Serializable;

/** Queries of all heads: full-rank, or low-rank through a normalised latent. */
final class LatentQueries extends Composite {

  private final Latent latent;
  private final Linear<Object> up;

  /** The way to the latent; {@code null} for full-rank queries: BigDL serializes modules. */
  private record Latent(Linear<Object> down, RmsNorm norm) implements Serializable {}

  LatentQueries(String prefix, int dim, LatentConfig config) {
    int queries = config.heads() * config.queryDim();
    int latentDim = config.queryLatentDim();
    if (config.hasLowRankQueries()) {
      latent =
          new Latent(
              linear(prefix + "wq_a", dim, latentDim),
              has(new RmsNorm(latentDim, LatentConfig.NORM_EPSILON), prefix + "q_norm"));
      up = linear(prefix + "wq_b", latentDim, queries);
    } else {
      latent = null;
      up = linear(prefix + "wq", dim, queries);
    }
  }

  /**
   * The queries.
   *
   * @shape input (T, D); result (T, H * Q)
   */
  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    output_$eq(
        up.forward(latent == null ? input : latent.norm.forward(latent.down.forward(input))));
    return output();
  }

  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    if (latent == null) {
      gradInput_$eq(up.backward(input, gradOutput));
    } else {
      Tensor<Object> normalised = up.backward(latent.norm.output(), gradOutput);
      Tensor<Object> compressed = latent.norm.backward(latent.down.output(), normalised);
      gradInput_$eq(latent.down.backward(input, compressed));
    }
    return gradInput();
  }
}
