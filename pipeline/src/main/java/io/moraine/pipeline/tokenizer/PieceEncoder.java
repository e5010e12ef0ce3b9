package io.moraine.pipeline.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Optional;

/**
 * Collects the ids of pieces and remembers those of short ones. One for each thread.
 *
 * <p>The cache is an array of longs, never larger than it is made: an entry is the piece's bytes
 * (the last byte: its length) and up to {@link #CACHED_IDS} ids; a bucket has two entries, of which
 * the older makes room. Words of text repeat, so that nearly every piece is found there.
 */
final class PieceEncoder implements PieceSink {

  /** Longer pieces are merged anew each time. */
  static final int CACHED_BYTES = 15;

  private static final int CACHED_IDS = 4;
  private static final int BUCKET_BITS = 13;
  private static final int ENTRY = 4;
  private static final int BUCKET = 2 * ENTRY;
  private static final int NO_ID = -1;
  private static final int KEPT_IDS = 1 << 20;
  private static final long MULTIPLIER = 0x9e3779b97f4a7c15L;

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private final PieceMerger merger;
  private final Optional<TokenIndex> whole;
  private final long[] cache = new long[BUCKET << BUCKET_BITS];
  private int[] ids = new int[1 << 10];
  private int count;

  /**
   * An encoder.
   *
   * @param whole tokens that a piece becomes whatever the merges say
   */
  PieceEncoder(PieceMerger merger, Optional<TokenIndex> whole) {
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
    if (length > CACHED_BYTES) {
      merge(text, from, to);
      return;
    }
    long head = load(text, from, Math.min(length, 8));
    long tail = (length > 8 ? load(text, from + 8, length - 8) : 0) | (long) length << 56;
    long hash = (head ^ tail * MULTIPLIER) * MULTIPLIER;
    int entry = (int) ((hash ^ hash >>> 32) * MULTIPLIER >>> Long.SIZE - BUCKET_BITS) * BUCKET;
    if (cache[entry] != head || cache[entry + 1] != tail) {
      entry += ENTRY;
      if (cache[entry] != head || cache[entry + 1] != tail) {
        miss(text, from, to, entry - ENTRY, head, tail);
        return;
      }
    }
    reserve(CACHED_IDS);
    emit(cache[entry + 2], cache[entry + 3]);
  }

  private void emit(long first, long second) {
    ids[count++] = (int) first;
    if (first >= 0) {
      ids[count++] = (int) (first >>> 32);
      if (second != -1) {
        ids[count++] = (int) second;
        if (second >= 0) {
          ids[count++] = (int) (second >>> 32);
        }
      }
    }
  }

  private void miss(byte[] text, int from, int to, int bucket, long head, long tail) {
    int before = count;
    merge(text, from, to);
    int made = count - before;
    if (made <= CACHED_IDS) {
      System.arraycopy(cache, bucket, cache, bucket + ENTRY, ENTRY);
      cache[bucket] = head;
      cache[bucket + 1] = tail;
      cache[bucket + 2] = pair(before, made);
      cache[bucket + 3] = pair(before + 2, made - 2);
    }
  }

  private long pair(int at, int made) {
    long low = made > 0 ? ids[at] : NO_ID;
    long high = made > 1 ? ids[at + 1] : NO_ID;
    return high << 32 | low & 0xffffffffL;
  }

  private void merge(byte[] text, int from, int to) {
    if (whole.isPresent()) {
      int id = whole.get().find(text, from, to);
      if (id != TokenIndex.NONE) {
        add(id);
        return;
      }
    }
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

  /** {@code length} bytes, 1 to 8, as a number. */
  private static long load(byte[] text, int at, int length) {
    if (at + 8 <= text.length) {
      return (long) LONG.get(text, at) & -1L >>> 64 - 8 * length;
    }
    long value = 0;
    for (int i = 0; i < length; i++) {
      value |= (text[at + i] & 0xffL) << 8 * i;
    }
    return value;
  }
}
