package io.moraine.model.precision;

import io.moraine.model.tensor.Device;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * The matrix products of one model. Keeps what stands behind them until backward has come by, for
 * libtorch's own reference to it is a weak one. One thread.
 */
public final class Products implements AutoCloseable {

  private final Precision precision;
  private final Device device;
  private final Set<Behind> waiting = Collections.newSetFromMap(new IdentityHashMap<>());
  private Optional<Behind> called = Optional.empty();

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

  void whenBackward(Behind products) {
    products.retain();
    waiting.add(products);
  }

  /** Frees the one called before: libtorch has taken what that one handed on. */
  void called(Behind products) {
    called.ifPresent(Behind::release);
    called = Optional.of(products);
    waiting.remove(products);
  }

  @Override
  public void close() {
    called.ifPresent(Behind::release);
    waiting.forEach(Behind::release);
    called = Optional.empty();
    waiting.clear();
  }
}
