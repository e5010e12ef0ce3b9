package io.moraine.jobs.figures;

import java.util.List;
import java.util.Set;
import java.util.function.Function;
import org.apache.spark.sql.Row;

/** Rows about MoE layers, some of many, evenly spread. */
final class LayerRows {

  /** Steps that a balance keeps before it leaves out layers. */
  private static final int STEPS = 10;

  private LayerRows() {}

  /**
   * So many rows of a balance, at most: fewer steps, and then fewer layers.
   *
   * @param rows step, layer, ...
   */
  static List<Row> ofBalance(List<Row> rows, int most) {
    int layers = distinct(rows, row -> row.getInt(1)).size();
    List<Long> steps =
        Spread.evenly(
            distinct(rows, row -> row.getLong(0)), Math.max(STEPS, most / Math.max(1, layers)));
    Set<Long> shown = Set.copyOf(steps);
    return ofSomeLayers(
        rows.stream().filter(row -> shown.contains(row.getLong(0))).toList(),
        most / Math.max(1, steps.size()));
  }

  /**
   * So many rows of loads, at most: all experts of fewer layers, and then fewer experts.
   *
   * @param rows step, layer, expert, ...
   */
  static List<Row> ofLoads(List<Row> rows, int most) {
    List<Integer> experts = Spread.evenly(distinct(rows, row -> row.getInt(2)), most);
    Set<Integer> shown = Set.copyOf(experts);
    return ofSomeLayers(
        rows.stream().filter(row -> shown.contains(row.getInt(2))).toList(),
        most / Math.max(1, experts.size()));
  }

  private static List<Row> ofSomeLayers(List<Row> rows, int layers) {
    Set<Integer> shown =
        Set.copyOf(Spread.evenly(distinct(rows, row -> row.getInt(1)), Math.max(1, layers)));
    return rows.stream().filter(row -> shown.contains(row.getInt(1))).toList();
  }

  private static <T> List<T> distinct(List<Row> rows, Function<Row, T> value) {
    return rows.stream().map(value).distinct().toList();
  }
}
