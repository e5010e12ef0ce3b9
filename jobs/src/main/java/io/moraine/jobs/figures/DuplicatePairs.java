package io.moraine.jobs.figures;

import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Row;

/** Pairs of near duplicates side by side. */
public final class DuplicatePairs {

  /** Of a longer stretch that both texts have, the words at either end that are shown. */
  private static final int SHOWN_WORDS = 12;

  private final List<Pair> pairs;

  private DuplicatePairs(List<Pair> pairs) {
    this.pairs = pairs;
  }

  /**
   * Two documents.
   *
   * @param similarity exact Jaccard similarity of their shingles
   * @param isRemoved whether one of them was removed because of the other
   * @param text of {@code id}; empty where an earlier run published it
   * @param otherText of {@code otherId}
   */
  public record Pair(
      double similarity,
      boolean isRemoved,
      String id,
      String otherId,
      String text,
      String otherText) {}

  /** Rows of the report's table {@code pairs}. */
  static DuplicatePairs of(List<Row> rows) {
    return new DuplicatePairs(
        rows.stream()
            .map(
                row ->
                    new Pair(
                        row.<Double>getAs("similarity"),
                        row.<Boolean>getAs("removed"),
                        row.getAs("id"),
                        row.getAs("other_id"),
                        text(row, "text"),
                        text(row, "other_text")))
            .sorted(
                Comparator.comparingDouble((Pair pair) -> -pair.similarity())
                    .thenComparing(Pair::id)
                    .thenComparing(Pair::otherId))
            .toList());
  }

  /** So many pairs, spread over the range of similarities; the most similar first. */
  public List<Pair> spread(int shown) {
    return Spread.evenly(pairs, shown);
  }

  /**
   * Such pairs as HTML: the two texts side by side, the words marked in which they differ, long
   * stretches that both have left out in the middle.
   */
  public String html(int shown) {
    StringBuilder html = new StringBuilder();
    for (Pair pair : spread(shown)) {
      append(html, pair);
    }
    return html.toString();
  }

  private static void append(StringBuilder html, Pair pair) {
    html.append(
        String.format(
            Locale.ROOT,
            "<div class=\"pair\"><p><strong>Jaccard %.3f</strong>, %s</p><div class=\"texts\""
                + " style=\"display: flex; gap: 1em\">",
            pair.similarity(),
            pair.isRemoved() ? "one of them removed" : "both kept"));
    List<WordDifference.Stretch> stretches = WordDifference.between(pair.text(), pair.otherText());
    appendText(html, pair.id(), stretches, true);
    appendText(html, pair.otherId(), stretches, false);
    html.append("</div></div>\n");
  }

  private static void appendText(
      StringBuilder html, String id, List<WordDifference.Stretch> stretches, boolean isLeft) {
    html.append("<div style=\"flex: 1; min-width: 0\"><p class=\"id\">")
        .append(VisibleText.html(id))
        .append("</p><pre style=\"white-space: pre-wrap; overflow-wrap: anywhere\">");
    for (WordDifference.Stretch stretch : stretches) {
      List<String> words = isLeft ? stretch.left() : stretch.right();
      if (stretch.isSame()) {
        html.append(VisibleText.html(shortened(words)));
      } else if (!words.isEmpty()) {
        html.append("<mark>").append(VisibleText.html(String.join("", words))).append("</mark>");
      }
    }
    html.append("</pre></div>");
  }

  private static String shortened(List<String> words) {
    int size = words.size();
    if (size <= 3 * SHOWN_WORDS) {
      return String.join("", words);
    }
    return String.join("", words.subList(0, SHOWN_WORDS))
        + String.format(Locale.ROOT, " [... %,d words ...]", size - 2 * SHOWN_WORDS)
        + String.join("", words.subList(size - SHOWN_WORDS, size));
  }

  private static String text(Row row, String column) {
    String text = row.getAs(column);
    return text == null ? "" : text;
  }
}
