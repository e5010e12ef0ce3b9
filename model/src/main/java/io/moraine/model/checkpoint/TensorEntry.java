package io.moraine.model.checkpoint;

import java.util.List;

/**
 * What a safetensors header says of a tensor.
 *
 * @param name unique in its file
 * @param type of the elements in the file
 * @param shape sizes, outermost first
 */
public record TensorEntry(String name, TensorType type, List<Long> shape) {

  public TensorEntry {
    shape = List.copyOf(shape);
  }

  /** Number of elements. */
  public int elements() {
    return Math.toIntExact(shape.stream().reduce(1L, Math::multiplyExact));
  }

  /** Length of the data in the file. */
  public long bytes() {
    return (long) type.bytes() * elements();
  }
}
