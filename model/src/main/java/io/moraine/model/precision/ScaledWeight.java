package io.moraine.model.precision;

import java.util.Optional;
import java.util.function.Supplier;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * Weights of one shape as matrices of E4M3, rounded once for all products until they change:
 * libtorch counts what is written to a tensor. One thread at a time.
 */
final class ScaledWeight implements AutoCloseable {

  private final Tensor tensor;
  private Optional<ScaledStack> straight = Optional.empty();
  private Optional<ScaledStack> transposed = Optional.empty();
  private long version;

  /**
   * Rounds nothing yet.
   *
   * @param tensor float32, with a gradient of its shape; (E, N, C), or (N, C) of one weight
   */
  ScaledWeight(Tensor tensor) {
    this.tensor = tensor;
  }

  /** As forward products see them; each (N, C). */
  ScaledStack straight() {
    if (straight.isPresent() && version != tensor._version()) {
      close();
    }
    version = tensor._version();
    if (straight.isEmpty()) {
      straight = Optional.of(kept(() -> ScaledStack.of(stacked(tensor.detach()))));
    }
    return straight.get();
  }

  /** As the inputs' gradients see them; each (C, N). */
  ScaledStack transposed() {
    ScaledStack now = straight();
    if (transposed.isEmpty()) {
      transposed = Optional.of(kept(now::transposed));
    }
    return transposed.get();
  }

  /** Adds to the gradient of one; (N, C). */
  void addGradient(int index, Tensor gradient) {
    stacked(tensor.grad()).select(0, index).add_(gradient);
  }

  private static Tensor stacked(Tensor tensor) {
    return tensor.dim() == 2 ? tensor.unsqueeze(0) : tensor;
  }

  private static ScaledStack kept(Supplier<ScaledStack> made) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      return made.get().retained();
    }
  }

  @Override
  public void close() {
    straight.ifPresent(ScaledStack::close);
    transposed.ifPresent(ScaledStack::close);
    straight = Optional.empty();
    transposed = Optional.empty();
  }
}
