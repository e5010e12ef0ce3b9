package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.function.Function;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** The tables of {@link CorpusReport} in one page of text, {@code report/summary.txt}. */
final class CorpusSummary {

  private static final int SHOWN = 10;
  private static final int SHOWN_ID = 48;
  private static final Comparator<Row> MOST_DOCUMENTS = descending("documents");

  private final List<String> lines;

  /** A page that begins with the funnel. */
  CorpusSummary(List<String> funnel) {
    this.lines = new ArrayList<>(funnel);
  }

  /** The page, with a section for every table given that has rows. */
  List<String> lines() {
    return lines;
  }

  void passedOver(SortedMap<String, Long> counts) {
    section(
        "passed over in reading, by reason",
        counts.entrySet().stream()
            .map(one -> String.format(Locale.ROOT, "%-40s %,12d", one.getKey(), one.getValue()))
            .toList());
  }

  void reasons(List<Row> removals) {
    section(
        "removed, by reason",
        shown(
            removals,
            MOST_DOCUMENTS.thenComparing(text("stage")).thenComparing(text("reason")),
            row ->
                String.format(
                    Locale.ROOT,
                    "%-40s %,12d",
                    row.getAs("stage") + ": " + row.getAs("reason"),
                    row.<Long>getAs("documents"))));
  }

  /** There may be as many sources as files: they are summed up on the cluster. */
  void sources(Dataset<Row> sources) {
    Dataset<Row> bySource =
        sources
            .groupBy("source")
            .agg(
                sum("documents").as("all"),
                sum(when(col("stage").equalTo("kept"), col("documents")).otherwise(lit(0L)))
                    .as("kept"));
    List<String> first =
        format(
            bySource.orderBy(col("all").desc(), col("source")).limit(SHOWN).collectAsList(),
            row -> line("%-40s %,12d of %,12d", row, "source", "kept", "all"));
    section(
        "sources, kept of all", first.size() < SHOWN ? first : withRest(first, bySource.count()));
  }

  void languages(List<Row> languages) {
    Map<String, Long> documents = new TreeMap<>();
    for (Row row : languages) {
      documents.merge(row.getAs("language"), row.getAs("documents"), Long::sum);
    }
    List<String> all = new ArrayList<>();
    documents.entrySet().stream()
        .sorted(Map.Entry.<String, Long>comparingByValue().reversed())
        .forEach(
            one ->
                all.add(String.format(Locale.ROOT, "%-40s %,12d", one.getKey(), one.getValue())));
    section("languages", all.size() <= SHOWN ? all : withRest(all.subList(0, SHOWN), all.size()));
  }

  void replacements(List<Row> replacements) {
    section(
        "personal data replaced",
        shown(
            replacements,
            text("kind"),
            row ->
                line("%-40s %,12d in %,12d documents", row, "kind", "replacements", "documents")));
  }

  void lengths(List<Row> lengths) {
    section(
        "documents by characters",
        format(
            sorted(lengths, ascending("from_characters")),
            row ->
                line(
                    "%,12d or more: %,12d kept %,12d removed",
                    row, "from_characters", "kept", "removed")));
  }

  void clusters(List<Row> clusters) {
    section(
        "near duplicates, clusters by size",
        shown(
            clusters,
            ascending("documents"),
            row -> line("of %,8d documents: %,12d", row, "documents", "clusters")));
  }

  void pairs(List<Row> pairs) {
    List<Row> all =
        sorted(
            pairs,
            Comparator.comparing((Row row) -> row.<Double>getAs("similarity"))
                .thenComparing(text("id"))
                .thenComparing(text("other_id")));
    List<Row> some = new ArrayList<>();
    int shown = Math.min(SHOWN, all.size());
    for (int i = 0; i < shown; i++) {
      some.add(all.get((int) ((long) i * (all.size() - 1) / Math.max(1, shown - 1))));
    }
    section(
        "near duplicates, pairs by similarity",
        format(
            some,
            pair ->
                String.format(
                    Locale.ROOT,
                    "%.3f  %-7s  %." + SHOWN_ID + "s and %." + SHOWN_ID + "s",
                    pair.<Double>getAs("similarity"),
                    pair.<Boolean>getAs("removed") ? "removed" : "kept",
                    pair.<String>getAs("id"),
                    pair.<String>getAs("other_id"))));
  }

  void sets(List<Row> decontamination) {
    section(
        "evaluation sets",
        shown(
            decontamination,
            descending("items_found").thenComparing(text("set")),
            row ->
                line(
                    "%-40s %,12d of %,12d items found in %,d documents",
                    row, "set", "items_found", "items", "documents")));
  }

  private void section(String title, List<String> rows) {
    if (!rows.isEmpty()) {
      lines.add("");
      lines.add(title);
      rows.forEach(row -> lines.add("  " + row));
    }
  }

  private static List<String> shown(
      List<Row> rows, Comparator<Row> order, Function<Row, String> line) {
    List<Row> sorted = sorted(rows, order);
    return sorted.size() <= SHOWN
        ? format(sorted, line)
        : withRest(format(sorted.subList(0, SHOWN), line), sorted.size());
  }

  private static List<String> withRest(List<String> first, long all) {
    List<String> lines = new ArrayList<>(first);
    if (all > first.size()) {
      lines.add(String.format(Locale.ROOT, "and %,d more", all - first.size()));
    }
    return lines;
  }

  private static List<Row> sorted(List<Row> rows, Comparator<Row> order) {
    return rows.stream().sorted(order).toList();
  }

  private static List<String> format(List<Row> rows, Function<Row, String> line) {
    return rows.stream().map(line).toList();
  }

  private static Comparator<Row> ascending(String number) {
    return Comparator.comparingLong(row -> row.<Long>getAs(number));
  }

  private static Comparator<Row> descending(String number) {
    return ascending(number).reversed();
  }

  private static Comparator<Row> text(String column) {
    return Comparator.comparing((Row row) -> row.<String>getAs(column));
  }

  private static String line(String format, Row row, String... columns) {
    Object[] values = Arrays.stream(columns).map(row::<Object>getAs).toArray();
    return String.format(Locale.ROOT, format, values);
  }
}
