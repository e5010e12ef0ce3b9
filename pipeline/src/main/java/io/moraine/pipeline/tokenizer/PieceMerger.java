package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.PriorityQueue;

/**
 * Applies merges to one piece: always the one of lowest rank, of equal ranks the leftmost.
 *
 * <p>Short pieces scan for the lowest rank; long ones keep the possible merges in a heap over a
 * linked list, so that a piece of n bytes costs O(n log n), not O(n^2).
 */
final class PieceMerger {

  /** Above this length the heap wins over scanning. */
  private static final int SCAN_LIMIT = 48;

  private final MergeTable merges;
  private final int[] byteIds;

  PieceMerger(MergeTable merges, int[] byteIds) {
    this.merges = merges;
    this.byteIds = byteIds;
  }

  /** The token ids of a piece. */
  int[] merge(byte[] piece) {
    int[] ids = new int[piece.length];
    for (int i = 0; i < ids.length; i++) {
      ids[i] = byteIds[piece[i] & 0xff];
    }
    return ids.length <= SCAN_LIMIT ? mergeByScan(ids) : mergeByHeap(ids);
  }

  private int[] mergeByScan(int[] ids) {
    int length = ids.length;
    while (true) {
      int best = MergeTable.NONE;
      int at = -1;
      for (int i = 0; i + 1 < length; i++) {
        int rank = merges.rank(ids[i], ids[i + 1]);
        if (rank < best) {
          best = rank;
          at = i;
        }
      }
      if (at < 0) {
        return Arrays.copyOf(ids, length);
      }
      ids[at] = merges.result(best);
      System.arraycopy(ids, at + 2, ids, at + 1, length - at - 2);
      length--;
    }
  }

  private int[] mergeByHeap(int[] ids) {
    int n = ids.length;
    int[] previous = new int[n];
    int[] next = new int[n];
    PriorityQueue<Long> heap = new PriorityQueue<>();
    for (int i = 0; i < n; i++) {
      previous[i] = i - 1;
      next[i] = i + 1;
      offer(heap, ids, i, i + 1);
    }
    while (!heap.isEmpty()) {
      long candidate = heap.poll();
      int rank = (int) (candidate >>> 32);
      int at = (int) candidate;
      int right = ids[at] < 0 ? n : next[at];
      if (right >= n || merges.rank(ids[at], ids[right]) != rank) {
        continue;
      }
      ids[at] = merges.result(rank);
      ids[right] = -1;
      next[at] = next[right];
      if (next[at] < n) {
        previous[next[at]] = at;
        offer(heap, ids, at, next[at]);
      }
      if (previous[at] >= 0) {
        offer(heap, ids, previous[at], at);
      }
    }
    return Arrays.stream(ids).filter(id -> id >= 0).toArray();
  }

  private void offer(PriorityQueue<Long> heap, int[] ids, int left, int right) {
    if (right < ids.length) {
      int rank = merges.rank(ids[left], ids[right]);
      if (rank != MergeTable.NONE) {
        heap.add((long) rank << 32 | left);
      }
    }
  }
}
