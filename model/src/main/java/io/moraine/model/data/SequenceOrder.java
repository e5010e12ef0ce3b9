package io.moraine.model.data;

/**
 * A permutation of the sequences per epoch, computed position by position: a Feistel network over
 * the next even power of two, walked until the value is in range.
 *
 * <p>Any rank can say which sequence stands at any position without memory or communication; that
 * is what makes exact resume and another number of ranks possible.
 *
 * @param sequences number of sequences, n; {@code >= 1}
 * @param seed of the permutations
 * @source Black, Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002 (cycle-walking); Luby,
 *     Rackoff, How to construct pseudorandom permutations, 1988
 * @cost expected fewer than four rounds of the network per position, no memory
 */
public record SequenceOrder(long sequences, long seed) {

  private static final int ROUNDS = 6;

  public SequenceOrder {
    if (sequences < 1) {
      throw new IllegalArgumentException(
          "there must be at least 1 sequence, got %d".formatted(sequences));
    }
  }

  /**
   * The sequence at a position of the endless concatenation of epochs.
   *
   * @param position {@code >= 0}; its epoch is {@code position / sequences}
   */
  public long at(long position) {
    long epoch = position / sequences;
    long value = position % sequences;
    int halfBits = Math.max(1, (65 - Long.numberOfLeadingZeros(sequences - 1)) / 2);
    long key = mix(seed ^ mix(epoch + 1));
    do {
      value = permuted(value, halfBits, key);
    } while (value >= sequences);
    return value;
  }

  private static long permuted(long value, int halfBits, long key) {
    long mask = (1L << halfBits) - 1;
    long left = value >>> halfBits;
    long right = value & mask;
    for (int round = 0; round < ROUNDS; round++) {
      long next = left ^ mix(right ^ mix(key + round)) & mask;
      left = right;
      right = next;
    }
    return left << halfBits | right;
  }

  /** SplitMix64's finaliser. */
  private static long mix(long x) {
    long mixed = (x ^ (x >>> 30)) * 0xbf58476d1ce4e5b9L;
    mixed = (mixed ^ (mixed >>> 27)) * 0x94d049bb133111ebL;
    return mixed ^ (mixed >>> 31);
  }
}
