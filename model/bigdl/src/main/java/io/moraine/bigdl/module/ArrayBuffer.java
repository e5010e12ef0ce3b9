package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.tensor.Storage;
import com.intel.analytics.bigdl.tensor.Storage$;
import com.intel.analytics.bigdl.tensor.Tensor;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;

/** A {@link FlatBuffer} in the Java array that BigDL's tensors look at. */
final class ArrayBuffer implements FlatBuffer {

  private final List<Slice> slices;
  private final float[] values;
  private final Storage<Object> storage;

  /** A buffer of zeros. */
  ArrayBuffer(List<Slice> slices) {
    this.slices = List.copyOf(slices);
    Slice last = this.slices.get(this.slices.size() - 1);
    this.values =
        new float[Math.toIntExact(TorchFlatBuffer.aligned(last.offsetElements() + last.length()))];
    this.storage = Storage$.MODULE$.apply(values, FloatTensors.TAG);
  }

  /** Moves a tensor here: it looks at the slice from now on, which gets its values. */
  void adopt(Tensor<Object> tensor, Slice slice) {
    Tensor<Object> dense = tensor.contiguous();
    put(
        slice.offsetElements(),
        FloatTensors.array(dense),
        FloatTensors.offset(dense),
        dense.nElement());
    look(tensor, slice);
  }

  /** The tensor looks at the slice from now on. */
  void look(Tensor<Object> tensor, Slice slice) {
    tensor.set(storage, Math.toIntExact(slice.offsetElements()) + 1, tensor.size().clone(), null);
  }

  /** Adds a dense tensor to a slice of as many elements. */
  void add(Tensor<Object> dense, Slice slice) {
    float[] added = FloatTensors.array(dense);
    int from = FloatTensors.offset(dense);
    int to = Math.toIntExact(slice.offsetElements());
    if (dense.nElement() != slice.length()) {
      throw new IllegalArgumentException(
          "%s needs %d elements, got %d".formatted(slice, slice.length(), dense.nElement()));
    }
    for (int i = 0; i < dense.nElement(); i++) {
      values[to + i] += added[from + i];
    }
  }

  /** Sets every element to zero. */
  void clear() {
    Arrays.fill(values, 0);
  }

  @Override
  public long length() {
    return values.length;
  }

  @Override
  public List<Slice> slices() {
    return slices;
  }

  @Override
  public void get(long fromElement, float[] dst, int dstOffset, int length) {
    System.arraycopy(values, from(fromElement, length), dst, dstOffset, length);
  }

  @Override
  public void put(long toElement, float[] src, int srcOffset, int length) {
    System.arraycopy(src, srcOffset, values, from(toElement, length), length);
  }

  private int from(long element, int length) {
    return Math.toIntExact(Objects.checkFromIndexSize(element, length, values.length));
  }
}
