package io.moraine.jobs.report;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.JsonNodeFactory;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.jobs.figures.VisibleText;
import java.math.BigDecimal;
import java.math.MathContext;
import java.util.List;

/**
 * How a table is drawn by {@code charts.js}.
 *
 * @param kind of chart
 * @param data columns: bars: label, series, value; lines: x, series, y; heat: x, y, value
 * @param across what the first axis shows: of bars nothing, else of x
 * @param up what the values are
 * @param most of coloured cells, the upper end of their scale
 */
record Chart(Kind kind, Table data, String across, String up, double most) {

  /** Significant digits of numbers that are drawn. */
  private static final MathContext DRAWN = new MathContext(6);

  enum Kind {
    /** A bar per label, a part of it per series. */
    BARS,
    /** A line per series; points where it has few. */
    LINES,
    /** A coloured cell per x and y, the brighter the more. */
    HEAT,
    /** A coloured cell per x and y: one colour for less than 1, another one for more. */
    AROUND_ONE
  }

  static Chart bars(Table data, String up) {
    return new Chart(Kind.BARS, data, "", up, 0);
  }

  static Chart lines(Table data, String across, String up) {
    return new Chart(Kind.LINES, data, across, up, 0);
  }

  static Chart heat(Table data, String across, String up, double most) {
    return new Chart(Kind.HEAT, data, across, up, most);
  }

  static Chart aroundOne(Table data, String across, String up, double most) {
    return new Chart(Kind.AROUND_ONE, data, across, up, most);
  }

  /** What {@code charts.js} reads. */
  ObjectNode json(String id, String title) {
    ObjectNode node = JsonNodeFactory.instance.objectNode();
    node.put("id", id);
    node.put("title", VisibleText.plain(title));
    node.put("kind", kind.name());
    node.put("across", across);
    node.put("up", up);
    node.put("most", most);
    ArrayNode rows = node.putArray("rows");
    for (List<Object> row : data.rows()) {
      ArrayNode values = rows.addArray();
      row.forEach(value -> add(values, value));
    }
    return node;
  }

  private static void add(ArrayNode values, Object value) {
    if (value instanceof Double number) {
      if (Double.isFinite(number)) {
        values.add(new BigDecimal(number).round(DRAWN).doubleValue());
      } else {
        values.addNull();
      }
    } else if (value instanceof Number number) {
      values.add(number.longValue());
    } else if (value == null) {
      values.addNull();
    } else {
      values.add(VisibleText.plain(value.toString()));
    }
  }
}
