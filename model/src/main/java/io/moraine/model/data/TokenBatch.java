package io.moraine.model.data;

/**
 * One micro-batch of token ids in host memory. What stands behind a sequence's last token is {@link
 * #PADDING}: it is no target, and no model learns anything from it.
 *
 * @param sequences number of sequences B
 * @param length tokens that the model sees per sequence, L
 * @param tokens ids, row-major; inputs are {@code [:, :-1]}, targets {@code [:, 1:]}; not modified
 * @shape tokens (B, L + 1)
 */
public record TokenBatch(int sequences, int length, int[] tokens) {

  /** In place of an id where a sequence has no token. */
  public static final int PADDING = -1;

  public TokenBatch {
    if (tokens.length != sequences * (length + 1)) {
      throw new IllegalArgumentException(
          "a batch of %d sequences of length %d + 1 has %d tokens, got %d"
              .formatted(sequences, length, sequences * (length + 1), tokens.length));
    }
  }

  /** Number of tokens that get a prediction: B * L without padding. */
  public int predictions() {
    int count = 0;
    for (int i = 0; i < tokens.length; i++) {
      if (i % (length + 1) != 0 && tokens[i] != PADDING) {
        count++;
      }
    }
    return count;
  }

  /** Whether there is padding. */
  public boolean isPadded() {
    return predictions() < sequences * length;
  }
}
