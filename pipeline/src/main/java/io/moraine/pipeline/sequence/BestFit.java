package io.moraine.pipeline.sequence;

import java.util.Arrays;
import java.util.BitSet;

/**
 * Best-fit-decreasing bin packing: the longest piece first, each into the bin with the least room
 * in which it still fits, into a new one if there is none.
 *
 * @source Ding et al., Fewer truncations improve language modeling, 2024, arXiv:2404.10830,
 *     Algorithm 1
 * @cost O(pieces * capacity / 64) time at worst, 16 bytes a piece
 */
public final class BestFit {

  private static final int NONE = -1;

  private final int capacity;

  /** How much room some open bin has; full bins are not open. */
  private final BitSet rooms;

  /** Open bins of equal room as linked stacks. */
  private final int[] topWithRoom;

  private final int[] below;
  private int count;

  private BestFit(int pieces, int capacity) {
    this.capacity = capacity;
    this.rooms = new BitSet(capacity);
    this.topWithRoom = new int[capacity];
    Arrays.fill(topWithRoom, NONE);
    this.below = new int[pieces];
  }

  /**
   * The bin of each piece. Bins are numbered by their first piece in the order given, so that the
   * numbers follow that order.
   *
   * @param lengths of the pieces; in [1, capacity]; not modified
   * @return as long as {@code lengths}; every number from 0 to the largest one occurs
   */
  public static int[] bins(int[] lengths, int capacity) {
    BestFit open = new BestFit(lengths.length, capacity);
    int[] bins = new int[lengths.length];
    for (int piece : longestFirst(lengths, capacity)) {
      bins[piece] = open.place(lengths[piece]);
    }
    return numberedByFirstPiece(bins, open.count);
  }

  /** How many bins the pieces take. */
  public static int count(int[] lengths, int capacity) {
    BestFit open = new BestFit(lengths.length, capacity);
    for (int piece : longestFirst(lengths, capacity)) {
      open.place(lengths[piece]);
    }
    return open.count;
  }

  private int place(int length) {
    int room = rooms.nextSetBit(length);
    int bin;
    if (room < 0) {
      bin = count++;
      room = capacity;
    } else {
      bin = topWithRoom[room];
      topWithRoom[room] = below[bin];
      if (below[bin] == NONE) {
        rooms.clear(room);
      }
    }
    int left = room - length;
    if (left > 0) {
      below[bin] = topWithRoom[left];
      topWithRoom[left] = bin;
      rooms.set(left);
    }
    return bin;
  }

  /** Indexes by falling length, of equal lengths in the order given: a counting sort. */
  private static int[] longestFirst(int[] lengths, int capacity) {
    int[] from = new int[capacity + 2];
    for (int length : lengths) {
      if (length < 1 || length > capacity) {
        throw new IllegalArgumentException(
            "a piece must have 1 to %d tokens, got %d".formatted(capacity, length));
      }
      from[capacity - length + 1]++;
    }
    for (int i = 1; i < from.length; i++) {
      from[i] += from[i - 1];
    }
    int[] order = new int[lengths.length];
    for (int piece = 0; piece < lengths.length; piece++) {
      order[from[capacity - lengths[piece]]++] = piece;
    }
    return order;
  }

  private static int[] numberedByFirstPiece(int[] bins, int count) {
    int[] numbers = new int[count];
    Arrays.fill(numbers, NONE);
    int next = 0;
    for (int piece = 0; piece < bins.length; piece++) {
      if (numbers[bins[piece]] == NONE) {
        numbers[bins[piece]] = next++;
      }
      bins[piece] = numbers[bins[piece]];
    }
    return bins;
  }
}
