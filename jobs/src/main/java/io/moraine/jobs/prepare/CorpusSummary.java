package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** The tables of {@link CorpusReport} in one page of text, {@code report/summary.txt}. */
final class CorpusSummary {

  private static final int SHOWN = 10;
  private static final int SHOWN_ID = 48;

  private CorpusSummary() {}

  /**
   * The lines of the page.
   *
   * @param report reads a table of the report; all are small
   */
  static List<String> lines(List<String> funnel, Report report) {
    List<String> lines = new ArrayList<>(funnel);
    section(lines, "removed, by reason", reasons(report.table("removals")));
    section(lines, "sources, kept of all", sources(report.table("sources")));
    section(lines, "documents by characters", lengths(report.table("lengths")));
    section(lines, "near duplicates, clusters by size", clusters(report.table("clusters")));
    section(lines, "near duplicates, pairs by similarity", pairs(report.table("pairs")));
    section(lines, "evaluation sets", sets(report.table("decontamination")));
    return lines;
  }

  /** Reads a table of the report by its name. */
  @FunctionalInterface
  interface Report {
    Dataset<Row> table(String name);
  }

  private static void section(List<String> lines, String title, List<String> rows) {
    if (!rows.isEmpty()) {
      lines.add("");
      lines.add(title);
      rows.forEach(row -> lines.add("  " + row));
    }
  }

  private static List<String> reasons(Dataset<Row> removals) {
    return shown(
        removals.orderBy(col("documents").desc(), col("stage"), col("reason")),
        row ->
            String.format(
                Locale.ROOT,
                "%-40s %,12d",
                row.getAs("stage") + ": " + row.getAs("reason"),
                row.<Long>getAs("documents")));
  }

  private static List<String> sources(Dataset<Row> sources) {
    return shown(
        sources
            .groupBy("source")
            .agg(
                sum("documents").as("all"),
                sum(when(col("stage").equalTo("kept"), col("documents")).otherwise(lit(0L)))
                    .as("kept"))
            .orderBy(col("all").desc(), col("source")),
        row ->
            String.format(
                Locale.ROOT,
                "%-40s %,12d of %,12d",
                row.<String>getAs("source"),
                row.<Long>getAs("kept"),
                row.<Long>getAs("all")));
  }

  private static List<String> lengths(Dataset<Row> lengths) {
    List<String> lines = new ArrayList<>();
    for (Row row : lengths.orderBy("from_characters").collectAsList()) {
      lines.add(
          String.format(
              Locale.ROOT,
              "%,12d or more: %,12d kept %,12d removed",
              row.<Long>getAs("from_characters"),
              row.<Long>getAs("kept"),
              row.<Long>getAs("removed")));
    }
    return lines;
  }

  private static List<String> clusters(Dataset<Row> clusters) {
    return shown(
        clusters.orderBy("documents"),
        row ->
            String.format(
                Locale.ROOT,
                "of %,8d documents: %,12d",
                row.<Long>getAs("documents"),
                row.<Long>getAs("clusters")));
  }

  private static List<String> pairs(Dataset<Row> pairs) {
    List<Row> all = pairs.orderBy("similarity", "id", "other_id").collectAsList();
    List<String> lines = new ArrayList<>();
    int shown = Math.min(SHOWN, all.size());
    for (int i = 0; i < shown; i++) {
      Row pair = all.get((int) ((long) i * (all.size() - 1) / Math.max(1, shown - 1)));
      lines.add(
          String.format(
              Locale.ROOT,
              "%.3f  %-7s  %." + SHOWN_ID + "s and %." + SHOWN_ID + "s",
              pair.<Double>getAs("similarity"),
              pair.<Boolean>getAs("removed") ? "removed" : "kept",
              pair.<String>getAs("id"),
              pair.<String>getAs("other_id")));
    }
    return lines;
  }

  private static List<String> sets(Dataset<Row> decontamination) {
    return shown(
        decontamination.orderBy(col("items_found").desc(), col("set")),
        row ->
            String.format(
                Locale.ROOT,
                "%-40s %,12d of %,12d items found in %,d documents",
                row.<String>getAs("set"),
                row.<Long>getAs("items_found"),
                row.<Long>getAs("items"),
                row.<Long>getAs("documents")));
  }

  private static List<String> shown(Dataset<Row> rows, Function<Row, String> line) {
    List<Row> all = rows.collectAsList();
    List<String> lines = new ArrayList<>();
    all.stream().limit(SHOWN).map(line).forEach(lines::add);
    if (all.size() > SHOWN) {
      lines.add("and %,d more".formatted(all.size() - SHOWN));
    }
    return lines;
  }
}
