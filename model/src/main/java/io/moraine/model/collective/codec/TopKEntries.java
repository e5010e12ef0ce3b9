package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;

/**
 * How many elements of a range top-k sends, how it finds a bound for them, and the bytes of their
 * places: what its loops over arrays and its form for a device's memory have in common.
 *
 * @param share of the elements that are sent; in (0, 1]
 */
public record TopKEntries(double share) {

  /** Bytes of the number of entries. */
  static final int COUNT_BYTES = 4;

  /** Sampled elements that are among the k largest, about: their number varies by an eighth. */
  private static final int SAMPLED_ENTRIES = 64;

  /** By how much more the bound lets through than is sent. */
  private static final double MARGIN = 1.5;

  public TopKEntries {
    if (!(share > 0 && share <= 1)) {
      throw new IllegalArgumentException("topk-share must be in (0, 1], got " + share);
    }
  }

  /** Most entries of a range of so many elements. */
  public int most(int elements) {
    return (int) Math.ceil(share * elements);
  }

  /**
   * Every so many elements of a range one is a sample: the largest number that has no prime factor
   * with what widths of matrices are made of, 2, 3 and 5, so that it does not see some columns
   * alone.
   */
  public int stride(int elements) {
    int stride = Math.max(1, (int) (elements * share / SAMPLED_ENTRIES));
    while (stride % 2 == 0 || stride % 3 == 0 || stride % 5 == 0) {
      stride--;
    }
    return stride;
  }

  /** The bound is the so many-th largest of the samples, from 1. */
  public int boundAmong(int samples) {
    return (int) Math.min(samples, Math.ceil(MARGIN * share * samples));
  }

  /**
   * Puts the number of entries, then the elements between each and the one before it.
   *
   * @param places ascending; the first {@code count} are put
   * @param dst little-endian
   */
  public static void put(int[] places, int count, ByteBuffer dst) {
    dst.putInt(count);
    int next = 0;
    for (int i = 0; i < count; i++) {
      putGap(places[i] - next, dst);
      next = places[i] + 1;
    }
  }

  private static void putGap(int gap, ByteBuffer dst) {
    int rest = gap;
    while (rest >= 0x80) {
      dst.put((byte) (rest | 0x80));
      rest >>>= 7;
    }
    dst.put((byte) rest);
  }
}
