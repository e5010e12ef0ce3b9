package io.moraine.model.data;

import java.util.Arrays;

/**
 * Random access to fixed-length token sequences: what the trainer knows of a dataset.
 *
 * <p>Implementations may be read from one thread per instance.
 */
public interface TokenSource extends AutoCloseable {

  /** Number of sequences. */
  long sequences();

  /**
   * Tokens that a model sees per sequence; a stored sequence has one more, the last token's target.
   */
  int length();

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
  void close();
}
