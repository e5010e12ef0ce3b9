package io.moraine.pipeline.text;

import io.moraine.pipeline.hash.Mix64;
import java.util.Arrays;

/** Hashes of all runs of n consecutive words. */
public final class WordWindows {

  private WordWindows() {}

  /**
   * One hash per window, in order: of the window's first and last 2^k words, 2^k the largest power
   * of two up to n, each of which is the hash of its two halves. Different windows collide like
   * random numbers, whatever their words have in common.
   *
   * @param words hashes of the words of a text
   * @param n words per window, {@code >= 1}
   * @return {@code max(0, words - n + 1)} hashes
   * @cost O(words log n) time, 8 bytes a word
   */
  public static long[] hashes(long[] words, int n) {
    long[] hashes = words.clone();
    int length = 1;
    while (2 * length <= n) {
      combine(hashes, length, 2 * length);
      length *= 2;
    }
    if (length < n) {
      combine(hashes, n - length, n);
    }
    return Arrays.copyOf(hashes, Math.max(0, words.length - n + 1));
  }

  private static void combine(long[] hashes, int distance, int length) {
    for (int i = 0; i + length <= hashes.length; i++) {
      hashes[i] = Mix64.combine(hashes[i], hashes[i + distance]);
    }
  }
}
