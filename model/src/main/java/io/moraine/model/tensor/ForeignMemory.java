package io.moraine.model.tensor;

import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Tensors over memory that somebody else owns; nothing is copied. */
public final class ForeignMemory {

  /** What libtorch calls; its own references to them are weak ones. */
  private static final Set<Release> WAITING = ConcurrentHashMap.newKeySet();

  private ForeignMemory() {}

  /**
   * A tensor of int32.
   *
   * @param address of the first element, in the device's memory
   * @param released called once, when the last tensor over this memory is gone: views of this one
   *     and what autograd holds count; by whichever thread lets it go, so it must be short
   * @param shape row-major
   */
  public static Tensor ints(Device device, long address, Runnable released, long... shape) {
    Release release = new Release(released);
    WAITING.add(release);
    return torch.from_blob(
        new Address(address), shape, release, device.options(torch.ScalarType.Int));
  }

  private static final class Address extends Pointer {

    Address(long of) {
      address = of;
    }
  }

  private static final class Release extends PointerConsumer {

    private final Runnable released;

    Release(Runnable released) {
      this.released = released;
    }

    @Override
    public void call(Pointer memory) {
      WAITING.remove(this);
      released.run();
    }
  }
}
