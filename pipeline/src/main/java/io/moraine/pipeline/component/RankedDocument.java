package io.moraine.pipeline.component;

/**
 * A document with all that decides which copy wins; the smaller one by {@link #compareTo} does.
 *
 * @param increment the run that brought the document, 0 first
 * @param length of its text, code points
 * @param id unique
 */
public record RankedDocument(int increment, int length, String id)
    implements Comparable<RankedDocument> {

  /** The earliest increment, then the longest text, then the smallest id by code points. */
  @Override
  public int compareTo(RankedDocument other) {
    if (increment != other.increment) {
      return Integer.compare(increment, other.increment);
    }
    return length == other.length
        ? compareCodePoints(id, other.id)
        : Integer.compare(other.length, length);
  }

  /** The order of UTF-8 bytes, which Spark sorts strings by. */
  private static int compareCodePoints(String a, String b) {
    for (int i = 0; i < Math.min(a.length(), b.length()); i++) {
      char x = a.charAt(i);
      char y = b.charAt(i);
      if (x != y) {
        boolean surrogate = Character.isSurrogate(x);
        return surrogate == Character.isSurrogate(y) ? Character.compare(x, y) : surrogate ? 1 : -1;
      }
    }
    return Integer.compare(a.length(), b.length());
  }
}
