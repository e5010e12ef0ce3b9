package io.moraine.pipeline.tokenizer;

import java.util.Arrays;

/**
 * Collects the ids of pieces and remembers those of short ones. One for each thread.
 *
 * <p>Words repeat, so that nearly every piece is found in the cache. It is two arrays, never larger
 * than they are made: for pieces of up to 15 and of up to 31 bytes. An entry is the piece, its last
 * byte the length, and its ids, {@code NO_ID} behind the last; a bucket has two entries, of which
 * the older makes room.
 */
final class PieceEncoder implements PieceSink {

  private static final int SHORT_BYTES = 15;
  private static final int LONG_BYTES = 31;

  private static final int SHORT_BUCKET_BITS = 14;
  private static final int LONG_BUCKET_BITS = 11;

  /** Numbers in an entry: half of them for the piece, half for two ids each. */
  private static final int SHORT_ENTRY = 4;

  private static final int LONG_ENTRY = 8;
  private static final int NO_ID = -1;
  private static final int KEPT_IDS = 1 << 20;

  private final PieceMerger merger;
  private final WholePieces whole;
  private final long[] shorts = new long[2 * SHORT_ENTRY << SHORT_BUCKET_BITS];
  private final long[] longs = new long[2 * LONG_ENTRY << LONG_BUCKET_BITS];
  private int[] ids = new int[1 << 10];
  private int count;

  PieceEncoder(PieceMerger merger, WholePieces whole) {
    this.merger = merger;
    this.whole = whole;
  }

  /** The ids collected since the last call. */
  int[] take() {
    int[] taken = Arrays.copyOf(ids, count);
    count = 0;
    if (ids.length > KEPT_IDS) {
      ids = new int[KEPT_IDS];
    }
    return taken;
  }

  /** Adds an id that is not of a piece. */
  void add(int id) {
    reserve(1);
    ids[count++] = id;
  }

  @Override
  public void accept(byte[] text, int from, int to) {
    int length = to - from;
    if (length <= SHORT_BYTES) {
      acceptShort(text, from, to);
    } else if (length <= LONG_BYTES) {
      acceptLong(text, from, to);
    } else {
      mergeLong(text, from, to);
    }
  }

  private void acceptShort(byte[] text, int from, int to) {
    long head = PieceKey.load(text, from, to);
    long tail = PieceKey.load(text, from + 8, to) | (long) (to - from) << 56;
    int bucket =
        (int) (PieceKey.hash(head, tail) >>> Long.SIZE - SHORT_BUCKET_BITS) * 2 * SHORT_ENTRY;
    int entry = bucket;
    if (shorts[entry] != head || shorts[entry + 1] != tail) {
      entry += SHORT_ENTRY;
      if (shorts[entry] != head || shorts[entry + 1] != tail) {
        missShort(text, from, to, bucket, head, tail);
        return;
      }
    }
    emit(shorts, entry + SHORT_ENTRY / 2, entry + SHORT_ENTRY);
  }

  private void missShort(byte[] text, int from, int to, int bucket, long head, long tail) {
    int before = count;
    int id = whole.find(head, tail);
    if (id != WholePieces.NONE) {
      add(id);
    } else {
      merge(text, from, to);
    }
    if (remember(shorts, bucket, SHORT_ENTRY, before)) {
      shorts[bucket] = head;
      shorts[bucket + 1] = tail;
    }
  }

  private void acceptLong(byte[] text, int from, int to) {
    long first = PieceKey.load(text, from, to);
    long second = PieceKey.load(text, from + 8, to);
    long third = PieceKey.load(text, from + 16, to);
    long fourth = PieceKey.load(text, from + 24, to) | (long) (to - from) << 56;
    long hash = PieceKey.hash(PieceKey.hash(first, second), PieceKey.hash(third, fourth));
    int bucket = (int) (hash >>> Long.SIZE - LONG_BUCKET_BITS) * 2 * LONG_ENTRY;
    for (int entry = bucket; entry <= bucket + LONG_ENTRY; entry += LONG_ENTRY) {
      if (longs[entry] == first
          && longs[entry + 1] == second
          && longs[entry + 2] == third
          && longs[entry + 3] == fourth) {
        emit(longs, entry + LONG_ENTRY / 2, entry + LONG_ENTRY);
        return;
      }
    }
    int before = count;
    mergeLong(text, from, to);
    if (remember(longs, bucket, LONG_ENTRY, before)) {
      longs[bucket] = first;
      longs[bucket + 1] = second;
      longs[bucket + 2] = third;
      longs[bucket + 3] = fourth;
    }
  }

  /** Adds the ids of an entry, two in each number, the second in its upper half. */
  private void emit(long[] entries, int from, int to) {
    reserve(2 * (to - from));
    for (int i = from; i < to; i++) {
      long two = entries[i];
      if (two == NO_ID) {
        return;
      }
      ids[count++] = (int) two;
      if (two < 0) {
        return;
      }
      ids[count++] = (int) (two >>> 32);
    }
  }

  /** Makes room in a bucket for the ids from {@code before} on; false if they are too many. */
  private boolean remember(long[] entries, int bucket, int entry, int before) {
    if (count - before > entry) {
      return false;
    }
    System.arraycopy(entries, bucket, entries, bucket + entry, entry);
    int at = before;
    for (int i = bucket + entry / 2; i < bucket + entry; i++) {
      long low = at < count ? ids[at++] : NO_ID;
      long high = at < count ? ids[at++] : NO_ID;
      entries[i] = high << 32 | low & 0xffffffffL;
    }
    return true;
  }

  private void mergeLong(byte[] text, int from, int to) {
    int id = whole.findLong(text, from, to);
    if (id != WholePieces.NONE) {
      add(id);
    } else {
      merge(text, from, to);
    }
  }

  private void merge(byte[] text, int from, int to) {
    int made = merger.merge(text, from, to);
    reserve(made);
    System.arraycopy(merger.ids(), 0, ids, count, made);
    count += made;
  }

  private void reserve(int more) {
    if (count + more > ids.length) {
      ids = Arrays.copyOf(ids, Math.max(2 * ids.length, count + more));
    }
  }
}
