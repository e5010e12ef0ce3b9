package io.moraine.jobs.figures;

import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.sql.Row;

/** Values over steps and layers as an HTML table of coloured cells. */
final class HeatTable {

  private HeatTable() {}

  /**
   * The table, layers below each other, steps beside each other; empty without rows.
   *
   * @param rows step, layer, value (0 or more; null for none: an empty cell)
   * @param most the value of the darkest colour
   */
  static String html(String caption, List<Row> rows, double most) {
    if (rows.isEmpty()) {
      return "";
    }
    Map<Integer, StringBuilder> layers = new TreeMap<>();
    for (Row row : rows) {
      layers
          .computeIfAbsent(row.getInt(1), layer -> new StringBuilder())
          .append(row.isNullAt(2) ? "<td></td>" : cell(row.getLong(0), row.getDouble(2), most));
    }
    StringBuilder html = new StringBuilder();
    html.append(
        String.format(
            Locale.ROOT,
            "<style>.heat td { min-width: 10px; height: 18px }</style><table class=\"heat\">"
                + "<caption>%s: steps %,d to %,d; white 0, darkest %.2f</caption>\n",
            VisibleText.html(caption),
            rows.get(0).getLong(0),
            rows.get(rows.size() - 1).getLong(0),
            most));
    layers.forEach(
        (layer, cells) ->
            html.append("<tr><th scope=\"row\">layer ")
                .append(layer)
                .append("</th>")
                .append(cells)
                .append("</tr>\n"));
    return html.append("</table>\n").toString();
  }

  private static String cell(long step, double value, double most) {
    return String.format(
        Locale.ROOT,
        "<td title=\"step %,d: %.3f\" style=\"background: rgba(160, 30, 20, %.3f)\"></td>",
        step,
        value,
        value / most);
  }
}
