package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.hash.Mix64;
import java.util.Arrays;

/**
 * How often each pair of adjacent tokens stands in all pieces, and in which pieces it may stand.
 * Pairs have the numbers 0, 1, ... in the order in which they were met.
 *
 * @cost about 60 bytes a pair, and 4 for each piece that it stands in
 */
final class PairTable {

  private static final int FIRST_SLOTS = 1 << 12;

  private int size;
  private int[] slots = new int[FIRST_SLOTS];
  private long[] pairs = new long[FIRST_SLOTS];
  private long[] counts = new long[FIRST_SLOTS];
  private IntList[] pieces = new IntList[FIRST_SLOTS];

  /** A pair as one number; numbers are ordered by the left token, then the right one. */
  static long pair(int left, int right) {
    return (long) left << 32 | right;
  }

  static int left(long pair) {
    return (int) (pair >>> 32);
  }

  static int right(long pair) {
    return (int) pair;
  }

  /** Adds to a pair's count, negative numbers too; gives the pair's number. */
  int add(int left, int right, long count) {
    int number = number(pair(left, right));
    counts[number] += count;
    return number;
  }

  /** Remembers that a pair stands in a piece. */
  void standsIn(int number, int piece) {
    pieces[number].addUnlessLast(piece);
  }

  /** The pieces that a pair may stand in, maybe repeated. */
  IntList pieces(int number) {
    return pieces[number];
  }

  /** The pair stands nowhere any more. */
  void clear(int number) {
    pieces[number] = new IntList();
    counts[number] = 0;
  }

  int size() {
    return size;
  }

  long pair(int number) {
    return pairs[number];
  }

  long count(int number) {
    return counts[number];
  }

  private int number(long pair) {
    int slot = Mix64.reduce(Mix64.murmurFinal(pair), slots.length);
    while (slots[slot] != 0) {
      int number = slots[slot] - 1;
      if (pairs[number] == pair) {
        return number;
      }
      slot = slot + 1 == slots.length ? 0 : slot + 1;
    }
    slots[slot] = append(pair) + 1;
    if (2 * size > slots.length) {
      growSlots();
    }
    return size - 1;
  }

  private int append(long pair) {
    if (size == pairs.length) {
      pairs = Arrays.copyOf(pairs, 2 * size);
      counts = Arrays.copyOf(counts, 2 * size);
      pieces = Arrays.copyOf(pieces, 2 * size);
    }
    pairs[size] = pair;
    pieces[size] = new IntList();
    return size++;
  }

  private void growSlots() {
    slots = new int[2 * slots.length];
    for (int number = 0; number < size; number++) {
      int slot = Mix64.reduce(Mix64.murmurFinal(pairs[number]), slots.length);
      while (slots[slot] != 0) {
        slot = slot + 1 == slots.length ? 0 : slot + 1;
      }
      slots[slot] = number + 1;
    }
  }
}
