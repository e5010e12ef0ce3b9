package io.moraine.model.data;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * A permutation of the sequences per epoch, computed position by position: a Feistel network over
 * the next even power of two, walked until the value is in range.
 *
 * <p>Any rank can say which sequence stands at any position without memory or communication; that
 * is what makes exact resume and another number of ranks possible.
 *
 * <p>When data is added, the epoch at hand is finished without it; from then on epochs are over
 * all.
 *
 * @param stretches of whole epochs over as many sequences, the first from position 0
 * @param seed of the permutations
 * @source Black, Rogaway, Ciphers with arbitrary finite domains, CT-RSA 2002 (cycle-walking); Luby,
 *     Rackoff, How to construct pseudorandom permutations, 1988
 * @cost expected fewer than four rounds of the network per position, no memory
 */
public record SequenceOrder(List<Stretch> stretches, long seed) implements Serializable {

  private static final int ROUNDS = 6;

  /**
   * Epochs over as many sequences.
   *
   * @param from position of the first
   * @param sequences of each epoch, n; {@code >= 1}
   */
  public record Stretch(long from, long sequences) implements Serializable {

    public Stretch {
      if (sequences < 1) {
        throw new IllegalArgumentException(
            "there must be at least 1 sequence, got %d".formatted(sequences));
      }
    }

    /** The first end of an epoch at a position or behind it. */
    private long epochEnd(long position) {
      long seen = Math.max(0, position - from);
      return from + (seen + sequences - 1) / sequences * sequences;
    }
  }

  public SequenceOrder {
    stretches = List.copyOf(stretches);
    if (stretches.isEmpty() || stretches.get(0).from() != 0) {
      throw new IllegalArgumentException("an order begins at position 0, got " + stretches);
    }
  }

  /** As many sequences in every epoch. */
  public SequenceOrder(long sequences, long seed) {
    this(List.of(new Stretch(0, sequences)), seed);
  }

  /** Number of sequences of the last epochs. */
  public long sequences() {
    return stretches.get(stretches.size() - 1).sequences();
  }

  /**
   * The order that goes on from a position with more sequences: the epoch at hand ends as it was.
   *
   * @param position first one that was not seen yet
   * @param more number of sequences from then on; not fewer than before
   */
  public SequenceOrder grown(long position, long more) {
    Stretch last = stretches.get(stretches.size() - 1);
    if (more < last.sequences()) {
      throw new IllegalArgumentException(
          "%d sequences were trained on, only %d are left".formatted(last.sequences(), more));
    }
    if (more == last.sequences()) {
      return this;
    }
    Stretch next = new Stretch(last.epochEnd(position), more);
    List<Stretch> grown = new ArrayList<>(stretches);
    if (next.from() == last.from()) {
      grown.remove(last);
    }
    grown.add(next);
    return new SequenceOrder(grown, seed);
  }

  /**
   * The sequence at a position of the endless concatenation of epochs.
   *
   * @param position {@code >= 0}
   */
  public long at(long position) {
    long epochs = 0;
    Stretch stretch = stretches.get(0);
    for (Stretch next : stretches.subList(1, stretches.size())) {
      if (next.from() > position) {
        break;
      }
      epochs += (next.from() - stretch.from()) / stretch.sequences();
      stretch = next;
    }
    long sequences = stretch.sequences();
    long epoch = epochs + (position - stretch.from()) / sequences;
    long value = (position - stretch.from()) % sequences;
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
