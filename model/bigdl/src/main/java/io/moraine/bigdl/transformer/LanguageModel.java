package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.nn.LookupTable;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.transformer.ModelConfig;
import java.util.ArrayList;
import java.util.List;

/** Embedding, layers, final norm, output head. */
final class LanguageModel extends Composite {

  private final ModelConfig config;
  private final LookupTable<Object> embedding;
  private final List<DecoderLayer> layers = new ArrayList<>();
  private final RmsNorm norm;
  private final Linear<Object> head;

  LanguageModel(ModelConfig config, RouterBalance balance, BatchAtHand batch) {
    this.config = config;
    embedding =
        has(
            new LookupTable<>(
                config.vocabularySize(),
                config.dim(),
                0,
                Double.MAX_VALUE,
                2,
                false,
                null,
                false,
                FloatTensors.TAG,
                FloatTensors.NUMERIC),
            "embed");
    RotaryTurns rotary =
        new RotaryTurns(
            config.rotary(), config.attention().rotaryDim(), config.maxSequenceLength());
    for (int layer = 0; layer < config.layers(); layer++) {
      layers.add(has(layer(layer, rotary, balance, batch), "layers." + layer));
    }
    norm = has(new RmsNorm(config.dim(), config.normEpsilon()), "norm");
    head =
        linear(
            config.hasTiedEmbeddings() ? "embed" : "head", config.dim(), config.vocabularySize());
  }

  private DecoderLayer layer(
      int layer, RotaryTurns rotary, RouterBalance balance, BatchAtHand batch) {
    String prefix = "layers." + layer + ".";
    LatentConfig latent = (LatentConfig) config.attention();
    double softmaxScale =
        config.rotary().scaling().softmaxCorrection(config.maxSequenceLength())
            / Math.sqrt(latent.queryDim());
    Composite attention =
        new LatentAttention(prefix + "attn.", config.dim(), latent, rotary, softmaxScale, batch);
    Composite feedForward =
        config.isDense(layer)
            ? new SwiGlu(prefix + "ffn.", config.dim(), config.denseFeedForwardDim())
            : new MoeLayer(
                prefix + "ffn.",
                config.dim(),
                config.router(),
                config.experts(),
                layer - config.denseLayers(),
                balance,
                batch);
    return new DecoderLayer(prefix, config.dim(), config.normEpsilon(), attention, feedForward);
  }

  /**
   * Logits of what follows each token.
   *
   * @shape input (B, L), counted from 1; result (B * L, V)
   */
  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    Tensor<Object> h = embedding.forward(input).view(new int[] {input.nElement(), config.dim()});
    for (DecoderLayer layer : layers) {
      h = layer.forward(h);
    }
    output_$eq(head.forward(norm.forward(h)));
    return output();
  }

  /** Gradients of all parameters; tokens have none. */
  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    DecoderLayer last = layers.get(layers.size() - 1);
    Tensor<Object> gradient =
        norm.backward(last.output(), head.backward(norm.output(), gradOutput));
    Tensor<Object> embedded = embedding.output().view(new int[] {input.nElement(), config.dim()});
    for (int layer = layers.size() - 1; layer >= 0; layer--) {
      Tensor<Object> before = layer == 0 ? embedded : layers.get(layer - 1).output();
      gradient = layers.get(layer).backward(before, gradient);
    }
    embedding.backward(
        input, gradient.view(new int[] {input.size(1), input.size(2), config.dim()}));
    return gradInput();
  }
}
