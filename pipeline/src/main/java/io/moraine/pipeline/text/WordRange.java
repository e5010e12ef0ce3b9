package io.moraine.pipeline.text;

import java.io.Serializable;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Consecutive words of a text.
 *
 * @param from index of the first word, 0 first
 * @param to index behind the last word; {@code > from}
 */
public record WordRange(int from, int to) implements Serializable {

  public WordRange {
    if (from < 0 || to <= from) {
      throw new IllegalArgumentException(
          "a range of words needs 0 <= from < to, got [%d, %d)".formatted(from, to));
    }
  }

  public int words() {
    return to - from;
  }

  /** The same words as sorted ranges that do not touch. */
  public static List<WordRange> union(List<WordRange> ranges) {
    List<WordRange> sorted = new ArrayList<>(ranges);
    sorted.sort(Comparator.comparingInt(WordRange::from));
    List<WordRange> union = new ArrayList<>();
    for (WordRange range : sorted) {
      int last = union.size() - 1;
      if (last >= 0 && range.from <= union.get(last).to) {
        WordRange before = union.get(last);
        union.set(last, new WordRange(before.from, Math.max(before.to, range.to)));
      } else {
        union.add(range);
      }
    }
    return union;
  }
}
