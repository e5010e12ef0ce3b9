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

  /** Elements; the JVM's arrays end a few before 2^31. */
  private static final int LONGEST = Integer.MAX_VALUE - 8;

  private static final int SAMPLES = 1000;

  private final List<Slice> slices;
  private final float[] values;
  private final Storage<Object> storage;

  /**
   * A buffer of zeros.
   *
   * @throws IllegalArgumentException if an array cannot be so long
   */
  ArrayBuffer(List<Slice> slices) {
    this.slices = List.copyOf(slices);
    Slice last = this.slices.get(this.slices.size() - 1);
    long length = TorchFlatBuffer.aligned(last.offsetElements() + last.length());
    if (length > LONGEST) {
      throw new IllegalArgumentException(
          "%,d weights are too many: BigDL has them in one Java array, which ends at %,d"
              .formatted(length, LONGEST));
    }
    this.values = new float[(int) length];
    this.storage = Storage$.MODULE$.apply(values, FloatTensors.TAG);
  }

  /** Moves a tensor here: it looks at the slice from now on, which gets its values. */
  void adopt(Tensor<Object> tensor, Slice slice) {
    float[] own = FloatTensors.values(tensor);
    put(slice.offsetElements(), own, 0, own.length);
    look(tensor, slice, tensor.size().clone());
  }

  /** The tensor looks at the slice from now on, as one of a given size. */
  void look(Tensor<Object> tensor, Slice slice, int[] size) {
    tensor.set(storage, Math.toIntExact(slice.offsetElements()) + 1, size, null);
  }

  /** Whether a tensor looks at the slice, and at all of it. */
  boolean has(Tensor<Object> tensor, Slice slice) {
    return tensor.nElement() == slice.length()
        && tensor.isContiguous()
        && FloatTensors.array(tensor) == values
        && FloatTensors.offset(tensor) == slice.offsetElements();
  }

  /** Hash code of some values from all over the buffer; another one after a step of training. */
  int sampled() {
    int hash = 1;
    for (int i = 0; i < values.length; i += 1 + values.length / SAMPLES) {
      hash = 31 * hash + Float.floatToRawIntBits(values[i]);
    }
    return hash;
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
