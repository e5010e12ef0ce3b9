package io.moraine.model.tensor;

import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.Optional;
import java.util.Set;
import org.bytedeco.pytorch.Tensor;

/**
 * The hooks of one model, from forward until backward has called them: libtorch's own reference to
 * them is a weak one. One thread at a time.
 */
public final class Hooks implements AutoCloseable {

  private final Set<GradientHook> waiting = Collections.newSetFromMap(new IdentityHashMap<>());
  private Optional<GradientHook> called = Optional.empty();

  /** Puts a hook on a tensor, whatever becomes of the scope that it was made in. */
  public void put(GradientHook hook, Tensor tensor) {
    tensor.register_hook(hook);
    hook.retainReference();
    waiting.add(hook);
  }

  /** Frees the one called before: libtorch has taken what that one answered. */
  void called(GradientHook hook) {
    called.ifPresent(GradientHook::release);
    called = Optional.of(hook);
    waiting.remove(hook);
  }

  @Override
  public void close() {
    called.ifPresent(GradientHook::release);
    waiting.forEach(GradientHook::release);
    called = Optional.empty();
    waiting.clear();
  }
}
