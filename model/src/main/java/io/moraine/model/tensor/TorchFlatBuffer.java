package io.moraine.model.tensor;

import java.util.List;
import java.util.Objects;
import org.bytedeco.javacpp.FloatPointer;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** A {@link FlatBuffer} in one 1-D libtorch tensor of float32 in host memory. */
public final class TorchFlatBuffer implements FlatBuffer, AutoCloseable {

  private final Tensor flat;
  private final FloatPointer memory;
  private final List<Slice> slices;
  private final long length;

  /** A buffer of zeros with the layout of {@code slices}. */
  public TorchFlatBuffer(List<Slice> slices) {
    this.slices = List.copyOf(slices);
    Slice last = this.slices.get(this.slices.size() - 1);
    this.length = aligned(last.offsetElements() + last.length());
    this.flat = torch.zeros(new long[] {length}, new TensorOptions(torch.ScalarType.Float));
    this.memory = flat.data_ptr_float();
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
    try (FloatPointer from = memory.getPointer(fromElement)) {
      from.get(dst, dstOffset, count);
    }
  }

  @Override
  public void put(long toElement, float[] src, int srcOffset, int count) {
    Objects.checkFromIndexSize(toElement, count, length);
    try (FloatPointer to = memory.getPointer(toElement)) {
      to.put(src, srcOffset, count);
    }
  }

  @Override
  public void close() {
    flat.close();
  }
}
