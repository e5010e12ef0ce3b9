package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;
import java.util.Arrays;

/**
 * How often each distinct piece stands in a text: what a vocabulary is trained on. A hash table
 * over bytes, so that counting a piece makes no object.
 *
 * @cost about 24 bytes a distinct piece besides its bytes
 */
public final class PieceCounts implements PieceSink {

  private static final int FIRST_SLOTS = 1 << 12;

  private int size;
  private int[] slots = new int[FIRST_SLOTS];
  private int[] ends = new int[FIRST_SLOTS];
  private long[] counts = new long[FIRST_SLOTS];
  private long[] hashes = new long[FIRST_SLOTS];
  private byte[] bytes = new byte[16 * FIRST_SLOTS];

  /** Takes a piece and how often it stands. */
  @FunctionalInterface
  public interface Action {
    void accept(byte[] text, int from, int to, long count);
  }

  /** Counts one occurrence. */
  @Override
  public void accept(byte[] text, int from, int to) {
    add(text, from, to, 1);
  }

  /** Counts {@code count} occurrences of the piece {@code [from, to)}. */
  public void add(byte[] text, int from, int to, long count) {
    long hash = Murmur3.hash128(text, from, to - from, 0).low();
    int slot = Mix64.reduce(hash, slots.length);
    while (slots[slot] != 0) {
      int piece = slots[slot] - 1;
      if (hashes[piece] == hash
          && Arrays.equals(bytes, start(piece), ends[piece], text, from, to)) {
        counts[piece] += count;
        return;
      }
      slot = slot + 1 == slots.length ? 0 : slot + 1;
    }
    slots[slot] = append(text, from, to, count, hash) + 1;
    if (2 * size > slots.length) {
      growSlots();
    }
  }

  /** Number of distinct pieces. */
  public int size() {
    return size;
  }

  /** Bytes of all distinct pieces. */
  public int pieceBytes() {
    return size == 0 ? 0 : ends[size - 1];
  }

  /** Hands out every distinct piece; the bytes must not be changed. */
  public void forEach(Action action) {
    for (int piece = 0; piece < size; piece++) {
      action.accept(bytes, start(piece), ends[piece], counts[piece]);
    }
  }

  private int start(int piece) {
    return piece == 0 ? 0 : ends[piece - 1];
  }

  private int append(byte[] text, int from, int to, long count, long hash) {
    int start = pieceBytes();
    int length = to - from;
    if (start > Integer.MAX_VALUE - 8 - length) {
      throw new IllegalStateException(
          "more than 2 GiB of distinct pieces; set tokenizer.max-pieces lower");
    }
    if (start + length > bytes.length) {
      bytes = Arrays.copyOf(bytes, (int) Math.min(Integer.MAX_VALUE - 8L, 2L * (start + length)));
    }
    if (size == ends.length) {
      ends = Arrays.copyOf(ends, 2 * size);
      counts = Arrays.copyOf(counts, 2 * size);
      hashes = Arrays.copyOf(hashes, 2 * size);
    }
    System.arraycopy(text, from, bytes, start, length);
    ends[size] = start + length;
    counts[size] = count;
    hashes[size] = hash;
    return size++;
  }

  private void growSlots() {
    slots = new int[2 * slots.length];
    for (int piece = 0; piece < size; piece++) {
      int slot = Mix64.reduce(hashes[piece], slots.length);
      while (slots[slot] != 0) {
        slot = slot + 1 == slots.length ? 0 : slot + 1;
      }
      slots[slot] = piece + 1;
    }
  }
}
