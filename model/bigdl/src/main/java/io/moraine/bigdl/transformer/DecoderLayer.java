package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.tensor.Tensor;

/**
 * One transformer layer: {@code h = x + attention(norm(x))}, then {@code h + feedForward(norm(h))}.
 */
final class DecoderLayer extends Composite {

  private final RmsNorm attentionNorm;
  private final Composite attention;
  private final RmsNorm feedForwardNorm;
  private final Composite feedForward;

  /** Behind attention, of the last forward pass. */
  private Tensor<Object> attended;

  DecoderLayer(String prefix, int dim, double epsilon, Composite attention, Composite feedForward) {
    this.attention = has(attention, prefix + "attn");
    this.feedForward = has(feedForward, prefix + "ffn");
    this.attentionNorm = has(new RmsNorm(dim, epsilon), prefix + "attn_norm");
    this.feedForwardNorm = has(new RmsNorm(dim, epsilon), prefix + "ffn_norm");
  }

  /**
   * The residual stream behind the layer.
   *
   * @shape input (T, D); result (T, D)
   */
  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    attended = input.clone().add(attention.forward(attentionNorm.forward(input)));
    output_$eq(attended.clone().add(feedForward.forward(feedForwardNorm.forward(attended))));
    return output();
  }

  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    Tensor<Object> behindNorm = feedForward.backward(feedForwardNorm.output(), gradOutput);
    Tensor<Object> gradient =
        gradOutput.clone().add(feedForwardNorm.backward(attended, behindNorm));
    Tensor<Object> attentionGradient = attention.backward(attentionNorm.output(), gradient);
    gradInput_$eq(gradient.clone().add(attentionNorm.backward(input, attentionGradient)));
    return gradInput();
  }
}
