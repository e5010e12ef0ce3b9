package io.moraine.model.attention;

import io.moraine.model.tensor.Device;
import java.util.Objects;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * What one attention layer keeps of the tokens of one text: a row of float32 per token. What stands
 * in a row is the attention's business.
 */
public final class AttentionCache implements AutoCloseable {

  private final Tensor rows;
  private final int capacity;
  private int length;

  /**
   * An empty cache.
   *
   * @param capacity most tokens
   * @param width numbers per token
   */
  public AttentionCache(int capacity, int width, Device device) {
    this.rows = torch.zeros(new long[] {capacity, width}, device.options(torch.ScalarType.Float));
    this.capacity = capacity;
  }

  /** Number of tokens kept. */
  public int length() {
    return length;
  }

  /** Forgets all tokens from {@code newLength} on. */
  public void truncate(int newLength) {
    length = Objects.checkIndex(newLength, length + 1);
  }

  /**
   * Adds rows and gives all of them, a view.
   *
   * @throws IndexOutOfBoundsException if the capacity does not suffice
   * @shape more (T, width); result (length, width)
   */
  Tensor append(Tensor more) {
    int count = Math.toIntExact(more.size(0));
    Objects.checkFromIndexSize(length, count, capacity);
    rows.narrow(0, length, count).copy_(more);
    length += count;
    return rows.narrow(0, 0, length);
  }

  @Override
  public void close() {
    rows.close();
  }
}
