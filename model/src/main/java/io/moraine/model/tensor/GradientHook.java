package io.moraine.model.tensor;

import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorBase;
import org.bytedeco.pytorch.TensorTensorHook;

/**
 * What backward calls with a tensor's gradient, once; it may answer with another one in its place.
 *
 * <p>On a processor the thread that began backward calls it, on a GPU one of libtorch's own, which
 * has no scope: so whatever a call is given or makes is freed here, but for the answer, which
 * libtorch takes after the call; that is freed with the hook, by {@link Hooks}.
 */
public abstract class GradientHook extends TensorTensorHook {

  private final Hooks hooks;
  private Optional<Tensor> answer = Optional.empty();

  /**
   * Not yet on a tensor.
   *
   * @param hooks of the model, which keep it until it has been called
   */
  protected GradientHook(Hooks hooks) {
    this.hooks = hooks;
  }

  /** The gradient to go on with; within a scope of its own, outside of which nothing is left. */
  protected abstract Tensor answer(Tensor gradient);

  /** Closes what was retained for the call. */
  protected void free() {}

  @Override
  public final TensorBase call(TensorBase gradient) {
    Tensor copy;
    try (gradient;
        PointerScope scope = new PointerScope()) {
      copy = new Tensor((TensorBase) answer(new Tensor(gradient))).retainReference();
    }
    answer = Optional.of(copy);
    hooks.called(this);
    return copy;
  }

  /** Frees hook and answer; libtorch must not call any more. */
  final void release() {
    free();
    answer.ifPresent(Tensor::close);
    close();
  }
}
