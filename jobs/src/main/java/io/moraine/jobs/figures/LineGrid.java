package io.moraine.jobs.figures;

import io.moraine.jobs.config.ConfigException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.NavigableSet;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.spark.sql.Row;

/**
 * Lines of several runs over one grid of x. Zeppelin draws a line only between neighbours among the
 * x of all lines: one that lacks every other x is not there at all.
 *
 * <p>The grid: where one run has the x of all others, those; else evenly spaced ones, as many as
 * the run with the most has, and the ends of all lines. Fewer where there would be more rows than
 * Zeppelin shows. In between a line is linear, over gaps too; beyond its own ends it is not there,
 * so that a shorter run's line ends earlier. A line of one point is level from the grid's x before
 * it (behind it, if it is the first), for a single point is not drawn.
 */
final class LineGrid {

  /** Rows of a table that Zeppelin shows. */
  static final int ROWS = 1000;

  private static final int POINTS = 400;

  private final List<Lines> runs;
  private final NavigableSet<Double> grid;

  private LineGrid(List<Lines> runs) {
    this.runs = runs;
    this.grid = grid(runs);
  }

  /**
   * Lines of one run.
   *
   * @param run its name
   * @param columns by column of values: the line's values by x, whole numbers
   */
  record Lines(String run, List<NavigableMap<Double, Double>> columns) {

    /** Of the points that have x and a value. */
    static Lines of(String run, List<Row> points, int x, int... values) {
      List<NavigableMap<Double, Double>> columns = new ArrayList<>();
      for (int value : values) {
        NavigableMap<Double, Double> line = new TreeMap<>();
        for (Row point : points) {
          if (!point.isNullAt(x) && !point.isNullAt(value)) {
            line.put(
                Math.rint(((Number) point.get(x)).doubleValue()),
                ((Number) point.get(value)).doubleValue());
          }
        }
        columns.add(line);
      }
      return new Lines(run, columns);
    }

    boolean isEmpty() {
      return columns.stream().allMatch(Map::isEmpty);
    }

    NavigableSet<Double> xs() {
      NavigableSet<Double> xs = new TreeSet<>();
      columns.forEach(line -> xs.addAll(line.keySet()));
      return xs;
    }
  }

  /**
   * What is drawn at an x of the grid.
   *
   * @param values of the run's lines; null beyond a line's ends
   */
  record Point(String run, double x, List<Double> values) {}

  /** The points in the order of x; at most 1,000. */
  static List<Point> points(List<Lines> runs) {
    List<Lines> drawn = runs.stream().filter(lines -> !lines.isEmpty()).toList();
    return drawn.isEmpty() ? List.of() : new LineGrid(drawn).points();
  }

  private static NavigableSet<Double> grid(List<Lines> runs) {
    int most = ROWS / runs.size();
    NavigableSet<Double> all = new TreeSet<>();
    NavigableSet<Double> ends = new TreeSet<>();
    int longest = 1;
    for (Lines run : runs) {
      NavigableSet<Double> xs = run.xs();
      longest = Math.max(longest, xs.size());
      all.addAll(xs);
      run.columns().stream()
          .filter(line -> !line.isEmpty())
          .forEach(line -> ends.addAll(List.of(line.firstKey(), line.lastKey())));
    }
    if (all.size() == 1) {
      all.add(all.first() > 0 ? 0.0 : 1.0);
    }
    if (all.size() <= Math.min(most, Math.max(2, longest))) {
      return all;
    }
    int spaced = Math.min(Math.min(POINTS, longest), most - ends.size());
    if (spaced < 0) {
      throw new ConfigException(
          "%d runs are too many for one chart: Zeppelin shows %,d rows. Look at fewer at once."
              .formatted(runs.size(), ROWS));
    }
    double width = all.last() - all.first();
    for (int i = 1; i < spaced; i++) {
      ends.add(Math.rint(all.first() + width * i / spaced));
    }
    return ends;
  }

  private List<Point> points() {
    List<Point> points = new ArrayList<>();
    for (Lines run : runs) {
      List<NavigableMap<Double, Double>> lines = run.columns().stream().map(this::drawn).toList();
      for (double x : grid) {
        List<Double> values = new ArrayList<>();
        lines.forEach(line -> values.add(value(line, x)));
        if (values.stream().anyMatch(value -> value != null)) {
          points.add(new Point(run.run(), x, values));
        }
      }
    }
    points.sort(Comparator.comparingDouble(Point::x));
    return points;
  }

  /** A single point is level over one stretch of the grid. */
  private NavigableMap<Double, Double> drawn(NavigableMap<Double, Double> line) {
    if (line.size() != 1) {
      return line;
    }
    double only = line.firstKey();
    Double other = grid.lower(only);
    NavigableMap<Double, Double> level = new TreeMap<>((SortedMap<Double, Double>) line);
    level.put(other == null ? grid.higher(only) : other, line.get(only));
    return level;
  }

  private static Double value(NavigableMap<Double, Double> line, double x) {
    Map.Entry<Double, Double> before = line.floorEntry(x);
    Map.Entry<Double, Double> behind = line.ceilingEntry(x);
    if (before == null || behind == null) {
      return null;
    }
    double width = behind.getKey() - before.getKey();
    double share = width > 0 ? (x - before.getKey()) / width : 0;
    return before.getValue() + share * (behind.getValue() - before.getValue());
  }
}
