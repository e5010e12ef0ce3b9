package io.moraine.model.transformer;

import io.moraine.model.train.ExpertBalance;
import java.util.Arrays;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** Expert load counts and selection biases of all MoE layers. */
final class TorchExpertBalance implements ExpertBalance, AutoCloseable {

  private final int layers;
  private final int experts;
  private final boolean hasBias;
  private final long[] load;
  private final Tensor bias;
  private final FloatPointer biasMemory;

  TorchExpertBalance(ModelConfig config) {
    this.layers = config.moeLayers();
    this.experts = config.router().routedExperts();
    this.hasBias = config.router().hasSelectionBias();
    this.load = new long[layers * experts];
    this.bias =
        torch.zeros(
            new long[] {Math.max(1, layers), Math.max(1, experts)},
            new TensorOptions(torch.ScalarType.Float));
    this.biasMemory = bias.data_ptr_float();
  }

  /** The bias of one layer, a view; the caller closes it. */
  Tensor biasOf(int layer) {
    return bias.select(0, layer);
  }

  void count(int layer, long[] tokensPerExpert) {
    for (int expert = 0; expert < experts; expert++) {
      load[layer * experts + expert] += tokensPerExpert[expert];
    }
  }

  @Override
  public int layers() {
    return layers;
  }

  @Override
  public int experts() {
    return experts;
  }

  @Override
  public long[] takeLoad() {
    long[] taken = load.clone();
    Arrays.fill(load, 0);
    return taken;
  }

  @Override
  public void updateBias(long[] globalLoad, float gamma) {
    if (!hasBias) {
      return;
    }
    float[] updated = bias();
    ExpertBalance.move(updated, globalLoad, experts, gamma);
    setBias(updated);
  }

  @Override
  public float[] bias() {
    float[] values = new float[layers * experts];
    biasMemory.get(values);
    return values;
  }

  @Override
  public void setBias(float[] values) {
    if (values.length != layers * experts) {
      throw new IllegalArgumentException(
          "bias must have %d * %d values, got %d".formatted(layers, experts, values.length));
    }
    biasMemory.put(values);
  }

  @Override
  public void close() {
    bias.close();
  }
}
