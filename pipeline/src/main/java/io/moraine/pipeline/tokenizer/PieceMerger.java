package io.moraine.pipeline.tokenizer;

import java.util.Arrays;

/**
 * Applies merges to one piece: always the one of lowest rank, of equal ranks the leftmost.
 *
 * <p>Short pieces scan for the lowest rank; long ones keep the possible merges in a heap over a
 * linked list, so that a piece of n bytes costs O(n log n), not O(n^2). Has scratch of its own: one
 * for each thread.
 */
final class PieceMerger {

  /** Longer pieces go through the heap. */
  static final int SCAN_LIMIT = 128;

  private static final int GONE = -1;

  private final MergeTable merges;
  private final int[] byteIds;
  private final long[] scanned = new long[SCAN_LIMIT];
  private int[] ids = new int[SCAN_LIMIT];

  PieceMerger(MergeTable merges, int[] byteIds) {
    this.merges = merges;
    this.byteIds = byteIds;
  }

  /** The ids that the last {@link #merge} made; overwritten by the next. */
  int[] ids() {
    return ids;
  }

  /** Merges a piece; returns how many of {@link #ids} it became. */
  int merge(byte[] text, int from, int to) {
    int length = to - from;
    if (ids.length < length || ids.length > SCAN_LIMIT && length <= SCAN_LIMIT) {
      ids = new int[Math.max(length, SCAN_LIMIT)];
    }
    for (int i = 0; i < length; i++) {
      ids[i] = byteIds[text[from + i] & 0xff];
    }
    return length <= SCAN_LIMIT ? mergeByScan(length) : mergeByHeap(length);
  }

  private int mergeByScan(int bytes) {
    int length = bytes;
    for (int i = 0; i + 1 < length; i++) {
      scanned[i] = merges.merge(ids[i], ids[i + 1]);
    }
    while (true) {
      long best = MergeTable.NONE;
      int at = GONE;
      for (int i = 0; i + 1 < length; i++) {
        if (scanned[i] < best) {
          best = scanned[i];
          at = i;
        }
      }
      if (at == GONE) {
        return length;
      }
      length--;
      ids[at] = MergeTable.result(best);
      for (int i = at + 1; i < length; i++) {
        ids[i] = ids[i + 1];
        scanned[i - 1] = scanned[i];
      }
      if (at + 1 < length) {
        scanned[at] = merges.merge(ids[at], ids[at + 1]);
      }
      if (at > 0) {
        scanned[at - 1] = merges.merge(ids[at - 1], ids[at]);
      }
    }
  }

  private int mergeByHeap(int length) {
    int[] previous = new int[length];
    int[] next = new int[length];
    MergeHeap heap = new MergeHeap(length);
    for (int i = 0; i < length; i++) {
      previous[i] = i - 1;
      next[i] = i + 1;
      offer(heap, i, i + 1, length);
    }
    while (!heap.isEmpty()) {
      long candidate = heap.poll();
      int at = (int) candidate;
      int right = ids[at] == GONE ? length : next[at];
      long merge = right < length ? merges.merge(ids[at], ids[right]) : MergeTable.NONE;
      if (merge >>> 32 != candidate >>> 32) {
        continue;
      }
      ids[at] = MergeTable.result(merge);
      ids[right] = GONE;
      next[at] = next[right];
      if (next[at] < length) {
        previous[next[at]] = at;
        offer(heap, at, next[at], length);
      }
      if (previous[at] >= 0) {
        offer(heap, previous[at], at, length);
      }
    }
    int count = 0;
    for (int i = 0; i < length; i++) {
      if (ids[i] != GONE) {
        ids[count++] = ids[i];
      }
    }
    return count;
  }

  private void offer(MergeHeap heap, int left, int right, int length) {
    if (right < length) {
      long merge = merges.merge(ids[left], ids[right]);
      if (merge != MergeTable.NONE) {
        heap.add(merge & 0xffffffff00000000L | left);
      }
    }
  }

  /** A heap of longs, the smallest first. */
  private static final class MergeHeap {
    private long[] values;
    private int size;

    MergeHeap(int capacity) {
      values = new long[capacity];
    }

    boolean isEmpty() {
      return size == 0;
    }

    void add(long value) {
      if (size == values.length) {
        values = Arrays.copyOf(values, size + (size >> 1) + 1);
      }
      int hole = size++;
      while (hole > 0 && values[hole - 1 >> 1] > value) {
        values[hole] = values[hole - 1 >> 1];
        hole = hole - 1 >> 1;
      }
      values[hole] = value;
    }

    long poll() {
      long first = values[0];
      long last = values[--size];
      int hole = 0;
      for (int child = 1; child < size; child = 2 * hole + 1) {
        child += child + 1 < size && values[child + 1] < values[child] ? 1 : 0;
        if (values[child] >= last) {
          break;
        }
        values[hole] = values[child];
        hole = child;
      }
      values[hole] = last;
      return first;
    }
  }
}
