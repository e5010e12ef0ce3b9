package io.moraine.model.tensor;

import java.util.ArrayDeque;
import java.util.HashMap;
import java.util.Map;
import java.util.Queue;
import org.bytedeco.javacpp.Pointer;
import org.bytedeco.pytorch.PointerConsumer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** Tensors over memory that somebody else owns; nothing is copied. */
public final class ForeignMemory {

  /** What to do when memory at an address is let go, once for each tensor made there. */
  private static final Map<Long, Queue<Runnable>> WAITING = new HashMap<>();

  /**
   * The one that libtorch calls, for all: JavaCPP has callbacks of this type for a few objects at a
   * time, and calls the newest one in the place of the others.
   */
  private static final PointerConsumer RELEASE =
      new PointerConsumer() {
        @Override
        public void call(Pointer memory) {
          released(memory.address());
        }
      }.retainReference(); // whatever the scope is in which this class is used first

  private ForeignMemory() {}

  /**
   * A tensor of int32.
   *
   * @param address of the first element, in the device's memory
   * @param released called once, when the last tensor over this memory is gone: views of this one
   *     and what autograd holds count; by whichever thread lets it go, so it must be short. Of
   *     several tensors at one address it does not matter whose is called first
   * @param shape row-major
   */
  public static Tensor ints(Device device, long address, Runnable released, long... shape) {
    synchronized (WAITING) {
      WAITING.computeIfAbsent(address, unused -> new ArrayDeque<>()).add(released);
    }
    try {
      return torch.from_blob(
          new Address(address), shape, RELEASE, device.options(torch.ScalarType.Int));
    } catch (RuntimeException e) {
      forget(address, released);
      throw e;
    }
  }

  /** Of a tensor that was not made. */
  private static void forget(long address, Runnable released) {
    synchronized (WAITING) {
      Queue<Runnable> there = WAITING.get(address);
      there.remove(released);
      if (there.isEmpty()) {
        WAITING.remove(address);
      }
    }
  }

  private static void released(long address) {
    Runnable next;
    synchronized (WAITING) {
      Queue<Runnable> there = WAITING.get(address);
      next = there.remove();
      if (there.isEmpty()) {
        WAITING.remove(address);
      }
    }
    next.run();
  }

  private static final class Address extends Pointer {

    Address(long of) {
      address = of;
    }
  }
}
