package io.moraine.pipeline.text;

import io.moraine.pipeline.hash.Mix64;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;

/**
 * The set of shingles of a text: every run of n consecutive words, hashed to 64 bits.
 *
 * <p>A text of fewer than n words has one shingle of all its words; a text without words has none,
 * so that it is no duplicate of anything. Hash values are stored (the dataset's index); the
 * functions must not change.
 */
public final class Shingles {

  private Shingles() {}

  /** {@link #of(byte[], int)} of the text's UTF-8. */
  public static long[] of(String text, int n) {
    return of(text.getBytes(StandardCharsets.UTF_8), n);
  }

  /**
   * The set, sorted ascending by signed value, without repetition.
   *
   * @param utf8 a text; malformed bytes belong to no word
   * @param n words per shingle, {@code >= 1}
   * @cost O(words) expected time, 32 bytes a word
   */
  public static long[] of(byte[] utf8, int n) {
    return sortedDistinct(inOrder(utf8, n));
  }

  /**
   * The same shingles in the order of the text, with repetitions: all that a signature needs.
   *
   * @cost O(n words) time, 16 bytes a word
   */
  public static long[] inOrder(byte[] utf8, int n) {
    long[] words = WordHashes.of(utf8);
    int length = Math.min(n, words.length);
    long[] shingles = new long[words.length == 0 ? 0 : words.length - length + 1];
    for (int j = 0; j < length; j++) {
      combine(shingles, words, j);
    }
    return shingles;
  }

  /** The next word of all shingles at once: a loop that the compiler turns into vectors. */
  private static void combine(long[] shingles, long[] words, int offset) {
    for (int i = 0; i < shingles.length; i++) {
      shingles[i] = Mix64.combine(shingles[i], words[i + offset]);
    }
  }

  /**
   * Exact Jaccard similarity of two sorted sets: shared elements over elements of either.
   *
   * @return in [0, 1]; 0 if both are empty
   */
  public static double jaccard(long[] a, long[] b) {
    int shared = 0;
    int i = 0;
    int j = 0;
    while (i < a.length && j < b.length) {
      if (a[i] == b[j]) {
        shared++;
        i++;
        j++;
      } else if (a[i] < b[j]) {
        i++;
      } else {
        j++;
      }
    }
    int union = a.length + b.length - shared;
    return union == 0 ? 0 : (double) shared / union;
  }

  /** A set as it is stored and sent: 8 bytes a shingle, little-endian. */
  public static byte[] toBytes(long[] shingles) {
    byte[] bytes = new byte[Long.BYTES * shingles.length];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().put(shingles);
    return bytes;
  }

  /** The set that {@link #toBytes} wrote. */
  public static long[] fromBytes(byte[] bytes) {
    long[] shingles = new long[bytes.length / Long.BYTES];
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asLongBuffer().get(shingles);
    return shingles;
  }

  private static long[] sortedDistinct(long[] values) {
    long[] sorted = sorted(values);
    int distinct = 0;
    for (int i = 0; i < sorted.length; i++) {
      if (i == 0 || sorted[i] != sorted[i - 1]) {
        sorted[distinct++] = sorted[i];
      }
    }
    return Arrays.copyOf(sorted, distinct);
  }

  /**
   * Hashes are spread evenly: by their first bits into buckets of two to four, then sorted there.
   */
  private static long[] sorted(long[] values) {
    int bits = Math.max(1, 30 - Integer.numberOfLeadingZeros(values.length | 1));
    int[] ends = new int[1 << bits];
    for (long value : values) {
      ends[bucket(value, bits)]++;
    }
    for (int bucket = 1; bucket < ends.length; bucket++) {
      ends[bucket] += ends[bucket - 1];
    }
    long[] sorted = new long[values.length];
    for (long value : values) {
      sorted[--ends[bucket(value, bits)]] = value;
    }
    for (int bucket = 0; bucket < ends.length; bucket++) {
      int end = bucket + 1 == ends.length ? sorted.length : ends[bucket + 1];
      Arrays.sort(sorted, ends[bucket], end);
    }
    return sorted;
  }

  private static int bucket(long value, int bits) {
    return (int) ((value ^ Long.MIN_VALUE) >>> 64 - bits);
  }
}
