package io.moraine.model.data;

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

  @Override
  void close();
}
