package io.moraine.model.transformer;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Floats;
import io.moraine.model.train.ExpertBalance;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Expert load counts and selection biases of all MoE layers. */
final class TorchExpertBalance implements ExpertBalance, AutoCloseable {

  private final int layers;
  private final int experts;
  private final boolean hasBias;
  private final Device device;
  private final Tensor load;
  private final Tensor bias;

  TorchExpertBalance(ModelConfig config, Device device) {
    this.layers = config.moeLayers();
    this.experts = config.router().routedExperts();
    this.hasBias = config.router().hasSelectionBias();
    this.device = device;
    long[] shape = {Math.max(1, layers), Math.max(1, experts)};
    this.load = torch.zeros(shape, device.options(torch.ScalarType.Long));
    this.bias = torch.zeros(shape, device.options(torch.ScalarType.Float));
  }

  /** The bias of one layer, a view; the caller closes it. */
  Tensor biasOf(int layer) {
    return bias.select(0, layer);
  }

  /** Adds where the numbers are, so that nothing waits for them. */
  void count(int layer, Tensor tokensPerExpert) {
    try (Tensor own = load.select(0, layer)) {
      own.add_(tokensPerExpert);
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
    long[] taken = new long[layers * experts];
    try (Tensor here = load.cpu()) {
      here.data_ptr_long().get(taken);
    }
    load.zero_();
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
    return layers * experts == 0 ? new float[0] : Floats.of(bias);
  }

  @Override
  public void setBias(float[] values) {
    if (values.length != layers * experts) {
      throw new IllegalArgumentException(
          "bias must have %d * %d values, got %d".formatted(layers, experts, values.length));
    }
    if (values.length > 0) {
      try (Tensor given = device.tensor(values, layers, experts)) {
        bias.copy_(given);
      }
    }
  }

  @Override
  public void close() {
    load.close();
    bias.close();
  }
}
