package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * Pair of token ids to rank and result, by open addressing: pair and value stand side by side, so
 * that a look-up touches one cache line.
 */
final class MergeTable {

  /** What a pair has that does not merge; above every other value. */
  static final long NONE = Long.MAX_VALUE;

  private static final long FREE = -1;
  private static final long MULTIPLIER = 0x9e3779b97f4a7c15L;

  private long[] slots;
  private int shift;
  private int size;

  /**
   * A table of merges, the first of rank 0; of a pair that stands twice the last one counts.
   *
   * @param expected number of merges that will be added
   */
  MergeTable(int expected) {
    resize(Integer.SIZE - Integer.numberOfLeadingZeros(Math.max(4, expected)) + 1);
  }

  static MergeTable of(List<BpeModel.Merge> merges) {
    MergeTable table = new MergeTable(merges.size());
    for (int rank = 0; rank < merges.size(); rank++) {
      BpeModel.Merge merge = merges.get(rank);
      table.put(merge.left(), merge.right(), rank, merge.result());
    }
    return table;
  }

  void put(int left, int right, int rank, int result) {
    int slot = slot(pair(left, right));
    size += slots[slot] == FREE ? 1 : 0;
    slots[slot] = pair(left, right);
    slots[slot + 1] = (long) rank << 32 | result;
    if (4 * size > slots.length) {
      long[] old = slots;
      resize(Long.SIZE - shift + 1);
      for (int i = 0; i < old.length; i += 2) {
        if (old[i] != FREE) {
          int target = slot(old[i]);
          slots[target] = old[i];
          slots[target + 1] = old[i + 1];
        }
      }
    }
  }

  /** Rank (upper half) and result (lower half) of two ids; {@link #NONE} if they do not merge. */
  long merge(int left, int right) {
    long pair = pair(left, right);
    int slot = slot(pair);
    return slots[slot] == pair ? slots[slot + 1] : NONE;
  }

  /** The token that a merge makes. */
  static int result(long merge) {
    return (int) merge;
  }

  private void resize(int bits) {
    shift = Long.SIZE - bits;
    slots = new long[2 << bits];
    Arrays.fill(slots, FREE);
  }

  private int slot(long pair) {
    int slot = (int) (pair * MULTIPLIER >>> shift) << 1;
    while (slots[slot] != FREE && slots[slot] != pair) {
      slot = slot + 2 & slots.length - 1;
    }
    return slot;
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }
}
