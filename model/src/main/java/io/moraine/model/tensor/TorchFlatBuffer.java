package io.moraine.model.tensor;

import java.util.List;
import java.util.Objects;
import java.util.Optional;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/** A {@link FlatBuffer} in one 1-D libtorch tensor of float32. */
public final class TorchFlatBuffer implements FlatBuffer, AutoCloseable {

  private final Device device;
  private final Tensor flat;
  private final List<Slice> slices;
  private final long length;

  /** The tensor's memory, where Java reads it; else what copies. */
  private final Optional<FloatPointer> memory;

  private final Optional<HostStaging> staging;

  /** A buffer of zeros in host memory with the layout of {@code slices}. */
  public TorchFlatBuffer(List<Slice> slices) {
    this(slices, Device.CPU);
  }

  /** A buffer of zeros with the layout of {@code slices}. */
  public TorchFlatBuffer(List<Slice> slices, Device device) {
    this.device = device;
    this.slices = List.copyOf(slices);
    Slice last = this.slices.get(this.slices.size() - 1);
    this.length = aligned(last.offsetElements() + last.length());
    this.flat = torch.zeros(new long[] {length}, device.options(torch.ScalarType.Float));
    this.memory = device.isReadable() ? Optional.of(flat.data_ptr_float()) : Optional.empty();
    this.staging = device.isReadable() ? Optional.empty() : Optional.of(new HostStaging(device));
  }

  /** The next multiple of {@link FlatBuffer#ALIGNMENT}. */
  public static long aligned(long elements) {
    return (elements + ALIGNMENT - 1) / ALIGNMENT * ALIGNMENT;
  }

  /** A tensor over the memory of one slice; the caller closes it. */
  public Tensor view(Slice slice) {
    try (Tensor range = flat.narrow(0, slice.offsetElements(), slice.length())) {
      return range.view(slice.sizes());
    }
  }

  /**
   * A tensor over the memory of slices of one shape whose offsets are as far apart; the caller
   * closes it.
   *
   * @param stride between the first elements of two slices
   * @shape result (count, shape of the first)
   */
  public Tensor views(Slice first, int count, long stride) {
    long[] sizes = first.sizes();
    return flat.as_strided(
        new long[] {count, sizes[0], sizes[1]},
        new long[] {stride, sizes[1], 1},
        new org.bytedeco.pytorch.LongOptional(first.offsetElements()));
  }

  /** Sets every element to zero. */
  public void clear() {
    flat.zero_();
  }

  @Override
  public long length() {
    return length;
  }

  @Override
  public List<Slice> slices() {
    return slices;
  }

  @Override
  public void get(long fromElement, float[] dst, int dstOffset, int count) {
    Objects.checkFromIndexSize(fromElement, count, length);
    Objects.checkFromIndexSize(dstOffset, count, dst.length);
    if (staging.isPresent()) {
      staging.get().get(flat, fromElement, dst, dstOffset, count);
      return;
    }
    try (FloatPointer from = memory.orElseThrow().getPointer(fromElement)) {
      from.get(dst, dstOffset, count);
    }
  }

  @Override
  public void put(long toElement, float[] src, int srcOffset, int count) {
    Objects.checkFromIndexSize(toElement, count, length);
    Objects.checkFromIndexSize(srcOffset, count, src.length);
    if (staging.isPresent()) {
      staging.get().put(flat, toElement, src, srcOffset, count);
      return;
    }
    try (FloatPointer to = memory.orElseThrow().getPointer(toElement)) {
      to.put(src, srcOffset, count);
    }
  }

  @Override
  public Optional<Tensor> onDevice(long fromElement, long count) {
    Objects.checkFromIndexSize(fromElement, count, length);
    return device.isReadable() ? Optional.empty() : Optional.of(flat.narrow(0, fromElement, count));
  }

  @Override
  public Optional<HostStaging> staging() {
    return staging;
  }

  @Override
  public void close() {
    staging.ifPresent(HostStaging::close);
    flat.close();
  }
}
