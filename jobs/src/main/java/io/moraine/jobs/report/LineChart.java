package io.moraine.jobs.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/** A line chart in text, for terminals and logs. */
final class LineChart {

  private LineChart() {}

  /**
   * Draws values over their index: the x axis is split into {@code width} columns, each shows the
   * mean of its values.
   *
   * @param values finite values in order; at least one
   * @param width columns, {@code >= 1}
   * @param height rows, {@code >= 2}
   * @return {@code height} lines with the y scale on the left
   */
  static List<String> draw(double[] values, int width, int height) {
    double[] columns = columnMeans(values, Math.min(width, values.length));
    double low = Double.POSITIVE_INFINITY;
    double high = Double.NEGATIVE_INFINITY;
    for (double column : columns) {
      low = Math.min(low, column);
      high = Math.max(high, column);
    }
    double rowHeight = high > low ? (high - low) / (height - 1) : 1;
    List<String> lines = new ArrayList<>();
    for (int row = 0; row < height; row++) {
      double level = high - row * rowHeight;
      StringBuilder line = new StringBuilder(String.format(Locale.ROOT, "%9.3f |", level));
      for (double column : columns) {
        line.append(Math.round((high - column) / rowHeight) == row ? '*' : ' ');
      }
      lines.add(line.toString().stripTrailing());
    }
    return lines;
  }

  private static double[] columnMeans(double[] values, int columns) {
    double[] means = new double[columns];
    for (int column = 0; column < columns; column++) {
      int from = (int) ((long) column * values.length / columns);
      int to = (int) ((long) (column + 1) * values.length / columns);
      double sum = 0;
      for (int i = from; i < to; i++) {
        sum += values[i];
      }
      means[column] = sum / (to - from);
    }
    return means;
  }
}
