package io.moraine.pipeline.text;

import io.moraine.pipeline.hash.Hash128;
import io.moraine.pipeline.hash.Murmur3;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;

/**
 * The {@link Words} of a text with their places and 128-bit hashes, and the text without some.
 *
 * <p>A word's place takes in the combining marks behind it, so that nothing is cut between a letter
 * and its mark.
 *
 * @cost 24 bytes a word besides the text
 */
public final class WordSpans {

  private final String text;
  private int count;
  private int[] starts = new int[256];
  private int[] ends = new int[256];
  private long[] low = new long[256];
  private long[] high = new long[256];

  private WordSpans(String text) {
    this.text = text;
  }

  public static WordSpans of(String text) {
    WordSpans words = new WordSpans(text);
    Words.forEachSpan(text, words::add);
    words.resize(words.count);
    return words;
  }

  private void add(String word, int start, int end) {
    if (count == starts.length) {
      resize(2 * count);
    }
    byte[] bytes = word.getBytes(StandardCharsets.UTF_8);
    Hash128 hash = Murmur3.hash128(bytes, 0, bytes.length, 0);
    starts[count] = start;
    ends[count] = behindMarks(end);
    low[count] = hash.low();
    high[count] = hash.high();
    count++;
  }

  private void resize(int size) {
    starts = Arrays.copyOf(starts, size);
    ends = Arrays.copyOf(ends, size);
    low = Arrays.copyOf(low, size);
    high = Arrays.copyOf(high, size);
  }

  private int behindMarks(int end) {
    int at = end;
    while (at < text.length() && isMark(text.codePointAt(at))) {
      at += Character.charCount(text.codePointAt(at));
    }
    return at;
  }

  public int count() {
    return count;
  }

  /** Where a range of words begins, in chars of the text. */
  public int start(WordRange range) {
    return starts[range.from()];
  }

  /** Where a range of words ends, in chars of the text. */
  public int end(WordRange range) {
    return ends[range.to() - 1];
  }

  /** Index of the first word that ends behind a char of the text; {@link #count()} if none does. */
  public int firstEndingBehind(int place) {
    int found = Arrays.binarySearch(ends, place);
    return found >= 0 ? found + 1 : -found - 1;
  }

  /** How many words start before a char of the text. */
  public int countStartingBefore(int place) {
    int found = Arrays.binarySearch(starts, place);
    return found >= 0 ? found : -found - 1;
  }

  /** First 64 bits of the words' hashes. */
  public long[] low() {
    return low.clone();
  }

  /** Second 64 bits of the words' hashes; independent of the first. */
  public long[] high() {
    return high.clone();
  }

  /**
   * The text without some words and what stands between them, as {@link CutText} leaves it; empty
   * if no word is left.
   *
   * @param cuts sorted, not touching, as {@link WordRange#union} gives them
   */
  public String without(List<WordRange> cuts) {
    if (!cuts.isEmpty() && cuts.stream().mapToInt(WordRange::words).sum() == count) {
      return "";
    }
    return CutText.without(
        text, cuts.stream().map(cut -> new CharRange(start(cut), end(cut))).toList());
  }

  static boolean isWordOrMark(int codePoint) {
    return Words.isWordCharacter(codePoint) || isMark(codePoint);
  }

  private static boolean isMark(int codePoint) {
    int type = Character.getType(codePoint);
    return type == Character.NON_SPACING_MARK
        || type == Character.ENCLOSING_MARK
        || type == Character.COMBINING_SPACING_MARK;
  }
}
