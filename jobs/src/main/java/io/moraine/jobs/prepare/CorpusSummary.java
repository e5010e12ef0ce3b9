package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.Arrays;
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
    section(lines, "languages", languages(report.table("languages")));
    section(lines, "personal data replaced", replacements(report.table("pii")));
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
        row -> line("%-40s %,12d of %,12d", row, "source", "kept", "all"));
  }

  private static List<String> languages(Dataset<Row> languages) {
    return shown(
        languages
            .groupBy("language")
            .agg(sum("documents").as("documents"))
            .orderBy(col("documents").desc(), col("language")),
        row -> line("%-40s %,12d", row, "language", "documents"));
  }

  private static List<String> replacements(Dataset<Row> replacements) {
    return shown(
        replacements.orderBy("kind"),
        row -> line("%-40s %,12d in %,12d documents", row, "kind", "replacements", "documents"));
  }

  private static List<String> lengths(Dataset<Row> lengths) {
    List<String> lines = new ArrayList<>();
    for (Row row : lengths.orderBy("from_characters").collectAsList()) {
      lines.add(
          line(
              "%,12d or more: %,12d kept %,12d removed",
              row, "from_characters", "kept", "removed"));
    }
    return lines;
  }

  private static List<String> clusters(Dataset<Row> clusters) {
    return shown(
        clusters.orderBy("documents"),
        row -> line("of %,8d documents: %,12d", row, "documents", "clusters"));
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
            line(
                "%-40s %,12d of %,12d items found in %,d documents",
                row, "set", "items_found", "items", "documents"));
  }

  private static List<String> shown(Dataset<Row> rows, Function<Row, String> line) {
    List<String> lines = new ArrayList<>();
    rows.limit(SHOWN).collectAsList().stream().map(line).forEach(lines::add);
    long more = rows.count() - lines.size();
    if (more > 0) {
      lines.add("and %,d more".formatted(more));
    }
    return lines;
  }

  private static String line(String format, Row row, String... columns) {
    Object[] values = Arrays.stream(columns).map(row::<Object>getAs).toArray();
    return String.format(Locale.ROOT, format, values);
  }
}
