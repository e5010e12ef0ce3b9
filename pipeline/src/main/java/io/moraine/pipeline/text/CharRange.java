package io.moraine.pipeline.text;

/**
 * Consecutive chars of a text.
 *
 * @param from index of the first char, 0 first
 * @param to index behind the last char; {@code >= from}
 */
public record CharRange(int from, int to) {

  public CharRange {
    if (from < 0 || to < from) {
      throw new IllegalArgumentException(
          "a range of chars needs 0 <= from <= to, got [%d, %d)".formatted(from, to));
    }
  }
}
