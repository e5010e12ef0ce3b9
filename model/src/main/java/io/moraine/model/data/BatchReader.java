package io.moraine.model.data;

import java.util.List;

/** Fixed-length token sequences as micro-batches, in the order that the reader asks for. */
public interface BatchReader extends AutoCloseable {

  /** Number of sequences. */
  long sequences();

  /**
   * Tokens that a model sees per sequence; a stored sequence has one more, the last token's target.
   */
  int length();

  /**
   * Reads sequences; what the call before gave must not be used any more.
   *
   * @param wanted each in {@code [0, sequences())}
   * @param most sequences of a batch
   * @return all of them in this order; a batch has {@code most}, fewer at the end and where they do
   *     not lie together
   */
  List<Batch> batches(long[] wanted, int most);

  @Override
  void close();
}
