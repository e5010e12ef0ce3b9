package io.moraine.model.tensor;

import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * The one place where weights, gradients and their encoded bytes pass between a device's memory and
 * arrays: through a piece of host memory, pinned where the device is a GPU, so that it is copied by
 * the GPU itself. Copies wait for the operations before them on the device; those of a step that
 * must not go through {@link #pinned} memory of their own.
 *
 * <p>Any thread; one copy at a time.
 */
public final class HostStaging implements AutoCloseable {

  /** Of the host memory: large enough that a copy's fixed cost does not count. */
  private static final int BYTES = 1 << 22;

  private final Device device;
  private final Tensor stage;
  private final FloatPointer floats;
  private long copiedBytes;

  /** Takes the host memory. */
  public HostStaging(Device device) {
    this.device = device;
    try (PointerScope scope = new PointerScope()) {
      Tensor plain = torch.zeros(new long[] {BYTES}, Device.CPU.options(torch.ScalarType.Byte));
      stage = (device.isCuda() ? plain.pin_memory() : plain).retainReference();
      floats = new FloatPointer(stage.data_ptr()).retainReference();
    }
  }

  /** Bytes copied so far, in both directions. */
  public synchronized long copiedBytes() {
    return copiedBytes;
  }

  /**
   * Copies elements of a tensor.
   *
   * @param flat float32, contiguous, one dimension
   */
  public synchronized void get(Tensor flat, long from, float[] dst, int dstOffset, int count) {
    for (int done = 0, each; done < count; done += each) {
      each = Math.min(BYTES / Float.BYTES, count - done);
      toStage(flat, from + done, each);
      floats.position(0).get(dst, dstOffset + done, each);
    }
  }

  /**
   * Copies elements to a tensor.
   *
   * @param flat float32, contiguous, one dimension
   */
  public synchronized void put(Tensor flat, long to, float[] src, int srcOffset, int count) {
    for (int done = 0, each; done < count; done += each) {
      each = Math.min(BYTES / Float.BYTES, count - done);
      floats.position(0).put(src, srcOffset + done, each);
      fromStage(flat, to + done, each);
    }
  }

  /** Memory for copies that nobody waits for; they are counted here. */
  public PinnedMemory pinned(long bytes) {
    return new PinnedMemory(device, bytes, this::count);
  }

  private synchronized void count(long bytes) {
    copiedBytes += bytes;
  }

  private void toStage(Tensor flat, long from, int count) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor there = flat.narrow(0, from, count).view(torch.ScalarType.Byte);
      stage.narrow(0, 0, (long) count * Float.BYTES).copy_(there);
      copiedBytes += (long) count * Float.BYTES;
    }
  }

  private void fromStage(Tensor flat, long to, int count) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor there = flat.narrow(0, to, count).view(torch.ScalarType.Byte);
      there.copy_(stage.narrow(0, 0, (long) count * Float.BYTES));
      copiedBytes += (long) count * Float.BYTES;
    }
  }

  @Override
  public void close() {
    stage.close();
  }
}
