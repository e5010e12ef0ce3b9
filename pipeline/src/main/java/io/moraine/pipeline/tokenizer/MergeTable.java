package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.hash.Mix64;
import java.util.Arrays;
import java.util.List;

/** Pair of token ids to rank and result, by open addressing on primitive arrays. */
final class MergeTable {

  static final int NONE = Integer.MAX_VALUE;

  private static final long FREE = -1;

  private final long[] pairs;
  private final int[] ranks;
  private final int[] results;
  private final int mask;

  MergeTable(List<BpeModel.Merge> merges) {
    int capacity = Integer.highestOneBit(Math.max(4, merges.size()) * 2 - 1) * 2;
    pairs = new long[capacity];
    ranks = new int[capacity];
    results = new int[merges.size()];
    mask = capacity - 1;
    Arrays.fill(pairs, FREE);
    for (int rank = 0; rank < merges.size(); rank++) {
      BpeModel.Merge merge = merges.get(rank);
      results[rank] = merge.result();
      long pair = pair(merge.left(), merge.right());
      int slot = slot(pair);
      if (pairs[slot] == FREE) {
        pairs[slot] = pair;
        ranks[slot] = rank;
      }
    }
  }

  /** Rank of the merge of two ids; {@link #NONE} if they do not merge. */
  int rank(int left, int right) {
    long pair = pair(left, right);
    int slot = slot(pair);
    return pairs[slot] == pair ? ranks[slot] : NONE;
  }

  /** The token that the merge of this rank makes. */
  int result(int rank) {
    return results[rank];
  }

  private int slot(long pair) {
    int slot = (int) Mix64.murmurFinal(pair) & mask;
    while (pairs[slot] != FREE && pairs[slot] != pair) {
      slot = slot + 1 & mask;
    }
    return slot;
  }

  private static long pair(int left, int right) {
    return (long) left << 32 | right;
  }
}
