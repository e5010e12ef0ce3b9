package io.moraine.pipeline.lines;

import io.moraine.pipeline.hash.Hash128;
import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.lines.LinesConfig.Unit;
import io.moraine.pipeline.text.CharRange;
import io.moraine.pipeline.text.CutText;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;

/**
 * The lines or paragraphs of a text that have words, in order, with the 128-bit hashes of their
 * {@link io.moraine.pipeline.text.Words}: case, punctuation and white space do not count.
 *
 * <p>A unit's chars reach from its first char to its last that are no white space; {@code \n} ends
 * a line, a line of white space alone ends a paragraph.
 *
 * @cost one pass; 24 bytes a word besides the text
 */
public final class TextUnits {

  private final String text;
  private final WordSpans words;
  private final long[] low;
  private final long[] high;
  private final List<CharRange> places = new ArrayList<>();
  private final List<WordRange> ranges = new ArrayList<>();

  private TextUnits(String text) {
    this.text = text;
    this.words = WordSpans.of(text);
    this.low = words.low();
    this.high = words.high();
  }

  public static TextUnits of(String text, Unit unit) {
    TextUnits units = new TextUnits(text);
    int from = -1;
    int to = 0;
    for (int start = 0; start < text.length(); ) {
      int newline = text.indexOf('\n', start);
      int end = newline < 0 ? text.length() : newline;
      int first = start;
      while (first < end && Character.isWhitespace(text.charAt(first))) {
        first++;
      }
      boolean isBlank = first == end;
      if (from >= 0 && (isBlank || unit == Unit.LINE)) {
        units.add(from, to);
        from = -1;
      }
      if (!isBlank) {
        from = from < 0 ? first : from;
        to = units.behindLast(first, end);
      }
      start = end + 1;
    }
    if (from >= 0) {
      units.add(from, to);
    }
    return units;
  }

  private int behindLast(int from, int end) {
    int to = end;
    while (to > from && Character.isWhitespace(text.charAt(to - 1))) {
      to--;
    }
    return to;
  }

  private void add(int from, int to) {
    int firstWord = words.firstEndingBehind(from);
    int behindWord = words.countStartingBefore(to);
    if (firstWord < behindWord) {
      places.add(new CharRange(from, to));
      ranges.add(new WordRange(firstWord, behindWord));
    }
  }

  public int count() {
    return ranges.size();
  }

  /** The words of a unit. */
  public WordRange words(int unit) {
    return ranges.get(unit);
  }

  /** Where a unit stands. */
  public CharRange place(int unit) {
    return places.get(unit);
  }

  /** Of a unit's words in order; different ones collide like random numbers of 128 bits. */
  public Hash128 hash(int unit) {
    WordRange range = ranges.get(unit);
    long lowHash = 0;
    long highHash = 0;
    for (int i = range.from(); i < range.to(); i++) {
      lowHash = Mix64.combine(lowHash, low[i]);
      highHash = Mix64.combine(highHash, high[i]);
    }
    return new Hash128(lowHash, highHash);
  }

  /** The text without some units, as {@link CutText} leaves it; empty if no word is left. */
  public String without(BitSet units) {
    if (!units.isEmpty() && units.stream().map(i -> ranges.get(i).words()).sum() == words.count()) {
      return "";
    }
    return CutText.without(text, units.stream().mapToObj(places::get).toList());
  }
}
