package io.moraine.model.data;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;

/**
 * Random access to fixed-length token sequences in host memory.
 *
 * <p>Implementations may be read from one thread per instance.
 */
public interface TokenSource extends BatchReader {

  /**
   * Copies one sequence of {@code length() + 1} token ids, {@link TokenBatch#PADDING} behind the
   * last one of a sequence that is shorter.
   *
   * @param sequence in {@code [0, sequences())}
   */
  void read(long sequence, int[] dst, int dstOffset);

  /**
   * Copies the number of each token's document within a sequence, from 0 on; of padding any.
   *
   * @param sequence in {@code [0, sequences())}
   */
  default void readDocuments(long sequence, int[] dst, int dstOffset) {
    Arrays.fill(dst, dstOffset, dstOffset + length() + 1, 0);
  }

  /** One sequence as a batch. */
  default TokenBatch batch(long sequence) {
    int[] tokens = new int[length() + 1];
    int[] documents = new int[length() + 1];
    read(sequence, tokens, 0);
    readDocuments(sequence, documents, 0);
    return new TokenBatch(1, length(), tokens, documents);
  }

  @Override
  default List<Batch> batches(long[] wanted, int most) {
    List<Batch> batches = new ArrayList<>();
    int row = length() + 1;
    for (int first = 0; first < wanted.length; first += most) {
      int count = Math.min(most, wanted.length - first);
      int[] tokens = new int[count * row];
      int[] documents = new int[count * row];
      for (int i = 0; i < count; i++) {
        read(wanted[first + i], tokens, i * row);
        readDocuments(wanted[first + i], documents, i * row);
      }
      batches.add(new TokenBatch(count, length(), tokens, documents));
    }
    return batches;
  }
}
