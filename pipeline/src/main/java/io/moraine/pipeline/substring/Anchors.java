package io.moraine.pipeline.substring;

import io.moraine.pipeline.text.WordWindows;
import java.util.Arrays;

/**
 * One place inside every window of n words that depends on the window's words alone: its anchor, of
 * all runs of {@code (n + 1) / 2} words the one with the smallest hash, the first if several.
 *
 * <p>Two equal windows have equal anchors, so a window whose anchor stands nowhere else is unique;
 * neighbouring windows mostly share theirs, so that about {@code 4 / n} of all words are anchors.
 *
 * @source Schleimer, Wilkerson, Aiken, Winnowing, SIGMOD 2003, section 3
 */
public final class Anchors {

  private final long[] hashes;
  private final int[] ofWindow;

  private Anchors(long[] hashes, int[] ofWindow) {
    this.hashes = hashes;
    this.ofWindow = ofWindow;
  }

  /**
   * The anchors of a text.
   *
   * @param words hashes of its words
   * @param n words per window
   * @cost O(words log n) time
   */
  public static Anchors of(long[] words, int n) {
    int anchorWords = (n + 1) / 2;
    long[] hashes = WordWindows.hashes(words, anchorWords);
    int perWindow = n - anchorWords + 1;
    int[] ofWindow = new int[Math.max(0, words.length - n + 1)];
    int[] ascending = new int[hashes.length];
    int first = 0;
    int last = 0;
    for (int i = 0; i < hashes.length; i++) {
      while (last > first && hashes[ascending[last - 1]] > hashes[i]) {
        last--;
      }
      ascending[last++] = i;
      int window = i - perWindow + 1;
      if (window >= 0) {
        if (ascending[first] < window) {
          first++;
        }
        ofWindow[window] = ascending[first];
      }
    }
    return new Anchors(hashes, ofWindow);
  }

  public int windows() {
    return ofWindow.length;
  }

  /** The first word of a window's anchor. */
  public int ofWindow(int window) {
    return ofWindow[window];
  }

  /** The first words of all anchors, ascending, each once. */
  public int[] distinct() {
    return Arrays.stream(ofWindow).distinct().toArray();
  }

  /** Hash of the words of an anchor. */
  public long hash(int anchor) {
    return hashes[anchor];
  }
}
