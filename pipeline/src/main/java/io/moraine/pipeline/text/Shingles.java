package io.moraine.pipeline.text;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;
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

  /**
   * The set, sorted ascending by signed value, without repetition.
   *
   * @param n words per shingle, {@code >= 1}
   * @cost O(words log words) time, 16 bytes a word
   */
  public static long[] of(String text, int n) {
    WordHashes words = new WordHashes();
    Words.forEach(text, words::add);
    int count = words.count == 0 ? 0 : Math.max(1, words.count - n + 1);
    long[] shingles = new long[count];
    for (int i = 0; i < count; i++) {
      long hash = 0;
      for (int j = i; j < Math.min(i + n, words.count); j++) {
        hash = Mix64.combine(hash, words.hashes[j]);
      }
      shingles[i] = hash;
    }
    return sortedDistinct(shingles);
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

  private static long[] sortedDistinct(long[] values) {
    Arrays.sort(values);
    int distinct = 0;
    for (int i = 0; i < values.length; i++) {
      if (i == 0 || values[i] != values[i - 1]) {
        values[distinct++] = values[i];
      }
    }
    return Arrays.copyOf(values, distinct);
  }

  private static final class WordHashes {
    private long[] hashes = new long[256];
    private int count;

    void add(String word) {
      if (count == hashes.length) {
        hashes = Arrays.copyOf(hashes, 2 * count);
      }
      byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
      hashes[count++] = Murmur3.hash128(bytes, 0, bytes.length, 0).low();
    }
  }
}
