package io.moraine.model.checkpoint;

import java.util.List;

/**
 * A tensor in memory: float32 or int64.
 *
 * @param name unique in its file
 * @param shape sizes, outermost first
 * @param data {@code float[]} or {@code long[]}, row-major
 */
public record NamedTensor(String name, List<Long> shape, Object data) {

  public NamedTensor {
    shape = List.copyOf(shape);
    long elements = shape.stream().reduce(1L, Math::multiplyExact);
    long length =
        data instanceof float[] floats
            ? floats.length
            : data instanceof long[] longs ? longs.length : -1;
    if (length != elements) {
      throw new IllegalArgumentException(
          "tensor %s of shape %s needs %d float or long values, got %s"
              .formatted(name, shape, elements, length < 0 ? data.getClass() : length));
    }
  }

  /** A one-dimensional tensor of float32. */
  public static NamedTensor of(String name, float[] data) {
    return new NamedTensor(name, List.of((long) data.length), data);
  }

  /** The values; only for a float32 tensor. */
  public float[] floats() {
    return (float[]) data;
  }

  /** The values; only for an int64 tensor. */
  public long[] longs() {
    return (long[]) data;
  }
}
