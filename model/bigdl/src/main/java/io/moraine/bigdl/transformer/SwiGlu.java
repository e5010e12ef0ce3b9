package io.moraine.bigdl.transformer;

import com.intel.analytics.bigdl.nn.Linear;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.bigdl.module.FloatTensors;

/**
 * Feed-forward with a gated unit: {@code w2 (silu(w1 x) * w3 x)}.
 *
 * @source Shazeer, GLU variants improve transformer, 2020, arXiv:2002.05202, Eq. 6
 */
final class SwiGlu extends Composite {

  private final Linear<Object> w1;
  private final Linear<Object> w2;
  private final Linear<Object> w3;

  /** Of the last forward pass: the gate's sigmoid, and what goes down. */
  private float[] sigmoid = {};

  private Tensor<Object> gated = FloatTensors.zeros(0);

  SwiGlu(String prefix, int dim, int width) {
    w1 = linear(prefix + "w1", dim, width);
    w2 = linear(prefix + "w2", width, dim);
    w3 = linear(prefix + "w3", dim, width);
  }

  @Override
  public Tensor<Object> updateOutput(Tensor<Object> input) {
    Tensor<Object> gate = w1.forward(input);
    float[] g = FloatTensors.array(gate);
    float[] u = FloatTensors.array(w3.forward(input));
    int n = gate.nElement();
    sigmoid = Sigmoid.of(g, 0, n);
    float[] product = new float[n];
    for (int i = 0; i < n; i++) {
      product[i] = g[i] * sigmoid[i] * u[i];
    }
    gated = FloatTensors.over(product, gate.size(1), gate.size(2));
    output_$eq(w2.forward(gated));
    return output();
  }

  @Override
  public Tensor<Object> backward(Tensor<Object> input, Tensor<Object> gradOutput) {
    Tensor<Object> change = w2.backward(gated, gradOutput);
    float[] d = FloatTensors.array(change);
    float[] g = FloatTensors.array(w1.output());
    float[] u = FloatTensors.array(w3.output());
    float[] gateGradient = new float[sigmoid.length];
    float[] upGradient = new float[sigmoid.length];
    for (int i = 0; i < sigmoid.length; i++) {
      float s = sigmoid[i];
      upGradient[i] = d[i] * g[i] * s;
      gateGradient[i] = d[i] * u[i] * s * (1 + g[i] * (1 - s));
    }
    Tensor<Object> sum =
        w1.backward(input, FloatTensors.over(gateGradient, change.size(1), change.size(2)));
    sum.add(w3.backward(input, FloatTensors.over(upGradient, change.size(1), change.size(2))));
    gradInput_$eq(sum);
    return sum;
  }
}
