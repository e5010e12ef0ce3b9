package io.moraine.model.tensor;

import java.util.Arrays;
import java.util.List;

/**
 * One named tensor inside a {@link FlatBuffer}.
 *
 * @param name dotted name in the published DeepSeek code's terms, for example {@code
 *     layers.1.attn.wkv_a.weight}
 * @param offsetElements first element of the tensor in the buffer; a multiple of {@link
 *     FlatBuffer#ALIGNMENT}
 * @param shape sizes of the dimensions, outermost first, row-major
 */
public record Slice(String name, long offsetElements, List<Long> shape) {

  public Slice {
    shape = List.copyOf(shape);
    if (offsetElements % FlatBuffer.ALIGNMENT != 0) {
      throw new IllegalArgumentException(
          "slice %s must start at a multiple of %d, got %d"
              .formatted(name, FlatBuffer.ALIGNMENT, offsetElements));
    }
  }

  /** Number of elements, padding excluded. */
  public long length() {
    return shape.stream().mapToLong(Long::longValue).reduce(1, Math::multiplyExact);
  }

  /** The shape as an array, for calls into libtorch. */
  public long[] sizes() {
    return shape.stream().mapToLong(Long::longValue).toArray();
  }

  @Override
  public String toString() {
    return name + Arrays.toString(sizes()) + "@" + offsetElements;
  }
}
