package io.moraine.model.data;

/**
 * One micro-batch of token ids in host memory.
 *
 * @param sequences number of sequences B
 * @param length tokens that the model sees per sequence, L
 * @param tokens ids, row-major; inputs are {@code [:, :-1]}, targets {@code [:, 1:]}; not modified
 * @shape tokens (B, L + 1)
 */
public record TokenBatch(int sequences, int length, int[] tokens) {

  public TokenBatch {
    if (tokens.length != sequences * (length + 1)) {
      throw new IllegalArgumentException(
          "a batch of %d sequences of length %d + 1 has %d tokens, got %d"
              .formatted(sequences, length, sequences * (length + 1), tokens.length));
    }
  }

  /** Number of tokens that get a prediction, B * L. */
  public int predictions() {
    return sequences * length;
  }
}
