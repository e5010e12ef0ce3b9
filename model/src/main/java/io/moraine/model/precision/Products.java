package io.moraine.model.precision;

import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Hooks;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.Tensor;

/** The matrix products of one model, with the hooks behind them and its weights in E4M3. */
public final class Products implements AutoCloseable {

  private final Precision precision;
  private final Device device;
  private final Hooks hooks = new Hooks();
  private final List<ScaledWeight> scaled = new ArrayList<>();

  /** Of a model on the processor whose linear layers have this precision. */
  public Products(Precision precision) {
    this(precision, Device.CPU);
  }

  /** Of a model whose linear layers have this precision. */
  public Products(Precision precision, Device device) {
    this.precision = precision;
    this.device = device;
  }

  /**
   * A layer.
   *
   * @param weight float32, with a gradient to add to; shape (N, C)
   */
  public Linear linear(Tensor weight) {
    return new Linear(this, weight, precision, device);
  }

  /** A layer that FP8 leaves in bfloat16. */
  public Linear linearAboveFp8(Tensor weight) {
    return new Linear(this, weight, precision.aboveFp8(), device);
  }

  /**
   * Layers of experts in bfloat16.
   *
   * @param weights float32, without gradient; shape (E, N, C)
   * @param gradients to add to; the same shape
   */
  public GroupedLinear grouped(Tensor weights, Tensor gradients) {
    return new GroupedLinear(this, weights, gradients);
  }

  /**
   * Layers of experts in E4M3, on a device that has tensor cores, or is used as if it had.
   *
   * @param weights float32, with a gradient to add to; shape (E, N, C)
   */
  public GroupedScaledLinear groupedScaled(Tensor weights) {
    return new GroupedScaledLinear(
        new ScaledProduct(this, ScaledMultiplication.on(device), weights));
  }

  /** Weights in E4M3, closed with this. */
  ScaledWeight scaled(Tensor weights) {
    ScaledWeight added = new ScaledWeight(weights);
    scaled.add(added);
    return added;
  }

  /** What is called backward. */
  public Hooks hooks() {
    return hooks;
  }

  @Override
  public void close() {
    hooks.close();
    scaled.forEach(ScaledWeight::close);
  }
}
