package io.moraine.model.tensor;

import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.CancellationException;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.bytedeco.javacpp.BytePointer;
import org.bytedeco.javacpp.LongPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Host memory that a GPU copies from and to by itself, in the order in which it is asked for copies
 * and operations, while whoever asks goes on. A copy from the device is followed by one of its
 * number, and whoever needs it waits for that number: for what was asked of the device before the
 * copy, not for what was asked since.
 *
 * <p>Any thread. Whoever writes here again has to know that the copy to the device is done.
 */
public final class PinnedMemory implements AutoCloseable {

  private static final long POLL_NANOS = 5_000;
  private static final long PATIENCE_NANOS = 1_000_000_000;

  private final Tensor memory;
  private final BytePointer bytes;

  /** On the device, how many copies there were; here, how many are done. */
  private final Tensor asked;

  private final Tensor done;
  private final LongPointer doneHere;
  private final LongConsumer copied;
  private long count;

  /**
   * Takes the memory.
   *
   * @param copied gets the bytes of each copy
   */
  PinnedMemory(Device device, long length, LongConsumer copied) {
    this.copied = copied;
    try (PointerScope scope = new PointerScope()) {
      memory = pinned(device, Math.max(1, length), torch.ScalarType.Byte);
      bytes = new BytePointer(memory.data_ptr()).retainReference();
      asked = torch.zeros(new long[] {1}, device.options(torch.ScalarType.Long)).retainReference();
      done = pinned(device, 1, torch.ScalarType.Long);
      doneHere = new LongPointer(done.data_ptr()).retainReference();
    }
  }

  private static Tensor pinned(Device device, long length, torch.ScalarType type) {
    Tensor plain = torch.zeros(new long[] {length}, Device.CPU.options(type));
    return (device.isCuda() ? plain.pin_memory() : plain).retainReference();
  }

  /**
   * Asks for a copy from the device.
   *
   * @param from uint8, contiguous, one dimension
   * @param at first byte here
   * @return its number, to wait for
   */
  public synchronized long fromDevice(Tensor from, long at) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      memory.narrow(0, at, from.numel()).copy_(from, true);
      asked.add_(new Scalar(1));
      done.copy_(asked, true);
      copied.accept(from.numel());
      return ++count;
    }
  }

  /** Waits for a copy from the device and for all before it. */
  public void await(long copy) {
    long patience = System.nanoTime() + PATIENCE_NANOS;
    while (doneHere.get() < copy) {
      LockSupport.parkNanos(POLL_NANOS);
      if (Thread.currentThread().isInterrupted()) {
        throw new CancellationException("interrupted while a device copies");
      }
      if (System.nanoTime() > patience) {
        requireNoFailure();
        patience = System.nanoTime() + PATIENCE_NANOS;
      }
    }
    VarHandle.acquireFence();
  }

  /** A device that has failed says so when it is asked for the next operation. */
  private synchronized void requireNoFailure() {
    try (PointerScope scope = new PointerScope()) {
      asked.add(new Scalar(0));
    }
  }

  /** Bytes of the memory itself, little-endian. */
  public ByteBuffer bytes(long at, int length) {
    return bytes.getPointer(at).capacity(length).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  /**
   * Asks for a copy to the device.
   *
   * @param to uint8, contiguous, one dimension
   * @param at first byte here
   */
  public synchronized void toDevice(long at, Tensor to) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      to.copy_(memory.narrow(0, at, to.numel()), true);
      copied.accept(to.numel());
    }
  }

  @Override
  public void close() {
    memory.close();
    asked.close();
    done.close();
  }
}
