package io.moraine.model.data;

/**
 * One micro-batch of token ids in host memory. What stands behind a sequence's last token is {@link
 * #PADDING}: it is no target, and no model learns anything from it.
 *
 * @param sequences number of sequences B
 * @param length tokens that the model sees per sequence, L
 * @param tokens ids, row-major; inputs are {@code [:, :-1]}, targets {@code [:, 1:]}; not modified
 * @param documents a number for each token, the same for tokens of one document; of padding any;
 *     empty if each sequence is one document; not modified
 * @shape tokens (B, L + 1); documents the same
 */
public record TokenBatch(int sequences, int length, int[] tokens, int[] documents)
    implements Batch {

  /** In place of an id where a sequence has no token. */
  public static final int PADDING = -1;

  public TokenBatch {
    if (tokens.length != sequences * (length + 1)) {
      throw new IllegalArgumentException(
          "a batch of %d sequences of length %d + 1 has %d tokens, got %d"
              .formatted(sequences, length, sequences * (length + 1), tokens.length));
    }
    if (documents.length != 0 && documents.length != tokens.length) {
      throw new IllegalArgumentException(
          "a batch of %d tokens has a document for each or for none, got %d"
              .formatted(tokens.length, documents.length));
    }
  }

  /**
   * A batch whose tokens Java reads.
   *
   * @throws IllegalArgumentException if they are in a device's memory
   */
  public static TokenBatch of(Batch batch) {
    if (batch instanceof TokenBatch here) {
      return here;
    }
    throw new IllegalArgumentException("batches in a device's memory need a model that takes them");
  }

  /** A batch whose sequences are one document each. */
  public TokenBatch(int sequences, int length, int[] tokens) {
    this(sequences, length, tokens, new int[0]);
  }

  @Override
  public int predictions() {
    int count = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (i % (length + 1) != 0 && tokens[i] != PADDING) {
        count++;
      }
    }
    return count;
  }
}
