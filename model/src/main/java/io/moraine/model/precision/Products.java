package io.moraine.model.precision;

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
  private final Set<BackwardProducts> waiting = Collections.newSetFromMap(new IdentityHashMap<>());
  private Optional<BackwardProducts> called = Optional.empty();

  /** Of a model whose linear layers have this precision. */
  public Products(Precision precision) {
    this.precision = precision;
  }

  /**
   * A layer.
   *
   * @param weight float32, with a gradient to add to; shape (N, C)
   */
  public Linear linear(Tensor weight) {
    return new Linear(this, weight, precision);
  }

  /** A layer that FP8 leaves in bfloat16. */
  public Linear linearAboveFp8(Tensor weight) {
    return new Linear(this, weight, precision.aboveFp8());
  }

  void whenBackward(Tensor product, BackwardProducts products) {
    product.register_hook(products);
    products.retainReference();
    waiting.add(products);
  }

  /** Frees the one called before: libtorch has taken what that one handed on. */
  void called(BackwardProducts products) {
    called.ifPresent(BackwardProducts::release);
    called = Optional.of(products);
    waiting.remove(products);
  }

  @Override
  public void close() {
    called.ifPresent(BackwardProducts::release);
    waiting.forEach(BackwardProducts::release);
    called = Optional.empty();
    waiting.clear();
  }
}
