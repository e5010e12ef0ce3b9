package io.moraine.jobs.report;

import io.moraine.jobs.figures.Spread;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * A small table: texts, numbers, truth values, nulls.
 *
 * @param columns their names
 * @param rows as many values as columns, each
 */
record Table(List<String> columns, List<List<Object>> rows) {

  /** The rows of a table on the cluster, in its order. */
  static Table of(Dataset<Row> dataset) {
    List<List<Object>> rows = new ArrayList<>();
    for (Row row : dataset.collectAsList()) {
      List<Object> values = new ArrayList<>();
      for (int i = 0; i < row.size(); i++) {
        values.add(row.get(i));
      }
      rows.add(values);
    }
    return new Table(Arrays.asList(dataset.columns()), rows);
  }

  boolean isEmpty() {
    return rows.isEmpty();
  }

  /** The place of a column. */
  int column(String name) {
    return columns.indexOf(name);
  }

  Object value(List<Object> row, String column) {
    return row.get(column(column));
  }

  /** Some columns, in this order. */
  Table select(String... names) {
    List<List<Object>> selected = new ArrayList<>();
    for (List<Object> row : rows) {
      List<Object> values = new ArrayList<>();
      for (String name : names) {
        values.add(value(row, name));
      }
      selected.add(values);
    }
    return new Table(List.of(names), selected);
  }

  /** The rows that have a value. */
  Table where(String column, Object value) {
    return new Table(
        columns, rows.stream().filter(row -> value.equals(value(row, column))).toList());
  }

  /** The greatest number of a column; 0 if there is none. */
  double most(String column) {
    return rows.stream()
        .map(row -> value(row, column))
        .filter(value -> value != null)
        .mapToDouble(value -> ((Number) value).doubleValue())
        .max()
        .orElse(0);
  }

  /** At most so many of the first rows. */
  Table first(int count) {
    return new Table(columns, rows.subList(0, Math.min(count, rows.size())));
  }

  /** So many rows at most, evenly spread, the last one among them. */
  Table thinned(int count) {
    return new Table(columns, Spread.evenly(rows, count));
  }

  /**
   * A row for each of several columns of numbers: its key, the column's name as {@code by}, the
   * number as {@code value}.
   */
  Table stacked(String key, String... numbers) {
    List<List<Object>> stacked = new ArrayList<>();
    for (List<Object> row : rows) {
      for (String number : numbers) {
        stacked.add(Arrays.asList(value(row, key), number.replace('_', ' '), value(row, number)));
      }
    }
    return new Table(List.of(key, "by", "value"), stacked);
  }
}
