package io.moraine.jobs.report;

import io.moraine.jobs.figures.CorpusTables;
import io.moraine.jobs.figures.RemovedDocuments;
import io.moraine.jobs.figures.TokenTables;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;

/** What a report says of a dataset. */
final class CorpusPart {

  private static final int SHOWN = 20;
  private static final int PAIRS = 10;
  private static final int REMOVED = 300;

  private CorpusPart() {}

  /** Adds the parts of a dataset. */
  static void write(ReportPage page, CorpusTables corpus, String path) throws IOException {
    documents(page, corpus, path);
    nearDuplicates(page, corpus);
    if (corpus.hasTokens()) {
      tokens(page, corpus.tokens());
    }
    removed(page, corpus);
  }

  private static void documents(ReportPage page, CorpusTables corpus, String path) {
    page.section("Documents", "What became of the documents of " + path + ".");
    Table funnel = Table.of(corpus.funnel());
    page.numbers(numbers(funnel));
    page.figure(
        "The funnel",
        "Documents that each stage let through, and those that it removed.",
        Chart.bars(
            renamed(funnel.stacked("stage", "out", "removed"), "out", "went on"), "documents"),
        funnel.select("stage", "in", "removed", "out"));
    page.table(
        "Passed over in reading",
        "What of the input is no document, by reason.",
        Table.of(corpus.passedOver()));
    Table removals = Table.of(corpus.removals());
    page.figure(
        "Removed, by rule",
        "The rules and stages that removed most.",
        Chart.bars(byRule(removals.first(SHOWN)), "documents"),
        removals);
    Table sources = Table.of(corpus.sources(SHOWN));
    page.figure(
        "Sources",
        "Documents of each source: kept, or removed by a stage.",
        Chart.bars(sources, "documents"),
        sources);
    Table languages = Table.of(corpus.languages(SHOWN));
    page.figure(
        "Languages",
        "Documents of each language: kept, or removed by a stage.",
        Chart.bars(languages, "documents"),
        languages);
    Table lengths = Table.of(corpus.lengths());
    page.figure(
        "Lengths",
        "Documents that no rule rejected, by characters: from this many to twice as many.",
        Chart.bars(lengths.stacked("from_characters", "kept", "removed"), "documents"),
        lengths);
    Table sets = Table.of(corpus.decontamination());
    page.figure(
        "Evaluation sets",
        "Items of evaluation sets: found in documents, not found, or too short to be looked for.",
        Chart.bars(found(sets), "items"),
        sets);
    page.table(
        "Personal data",
        "What was replaced in documents that no rule rejected.",
        Table.of(corpus.personalData()));
  }

  private static void nearDuplicates(ReportPage page, CorpusTables corpus) {
    Table clusters = Table.of(corpus.clusters());
    Table cluster = Table.of(corpus.largestCluster(SHOWN));
    String pairs = corpus.pairs().html(PAIRS);
    if (clusters.isEmpty() && pairs.isEmpty()) {
      return;
    }
    page.section(
        "Near duplicates", "A cluster is a kept document with all those removed in its place.");
    page.figure(
        "Clusters by size",
        "Clusters by their number of documents: from this many to twice as many.",
        Chart.bars(clusters.stacked("from_documents", "clusters"), "clusters"),
        clusters);
    page.table(
        "The largest cluster",
        "The kept document first. Texts of removed documents are known where they are in a sampled"
            + " pair.",
        cluster);
    page.html(
        "Pairs by similarity",
        "Pairs from the most similar one to the least, the words marked in which they differ.",
        pairs);
  }

  private static void tokens(ReportPage page, TokenTables tokens) {
    page.section("Tokens", "Of the kept documents, held-out ones among them.");
    Table sources = Table.of(tokens.bytesPerToken(SHOWN));
    page.figure(
        "Bytes per token, by source",
        "More is better compressed. The sources with the most bytes.",
        Chart.bars(sources.stacked("source", "bytes_per_token"), "bytes per token"),
        sources);
    Table lengths = Table.of(tokens.tokensPerDocument());
    page.figure(
        "Tokens per document",
        "Documents by tokens: from this many to twice as many.",
        Chart.bars(lengths.stacked("from_tokens", "documents"), "documents"),
        lengths);
    Table use = Table.of(tokens.tokenUse());
    page.figure(
        "How often tokens occur",
        "Tokens of the vocabulary by how often they occur in the first 4,096 training sequences:"
            + " from this often to twice as often; 0: never.",
        Chart.bars(use.stacked("from_occurrences", "tokens"), "tokens of the vocabulary"),
        use);
    Table frequent = Table.of(tokens.frequentTokens(SHOWN));
    page.figure(
        "The most frequent tokens",
        "Occurrences in the first 4,096 training sequences. A space is \u2423.",
        Chart.bars(frequent.stacked("token", "occurrences"), "occurrences"),
        frequent);
    page.table(
        "The longest tokens",
        "Long tokens that never occur are what the tokenizer learned from texts that are in no"
            + " training sequence.",
        Table.of(tokens.longestTokens(SHOWN)));
  }

  private static void removed(ReportPage page, CorpusTables corpus) {
    RemovedDocuments removed = corpus.removedDocuments("", REMOVED);
    if (removed.found() == 0) {
      return;
    }
    page.section("Removed documents", "Why each of them is not there, and what is there instead.");
    page.searched(
        removed.shown() == removed.found()
            ? "All removed documents"
            : String.format(
                Locale.ROOT, "%,d of %,d removed documents", removed.shown(), removed.found()),
        "In the order of ids. A search looks in what stands here.",
        Table.of(removed.rows()));
  }

  private static List<List<String>> numbers(Table funnel) {
    List<List<Object>> rows = funnel.rows();
    Object read = funnel.value(rows.get(0), "in");
    Object kept = funnel.value(rows.get(rows.size() - 1), "out");
    return List.of(
        List.of("documents read", ReportPage.shown(read)),
        List.of("documents kept", ReportPage.shown(kept)));
  }

  private static Table renamed(Table stacked, String from, String to) {
    List<List<Object>> rows = new ArrayList<>();
    for (List<Object> row : stacked.rows()) {
      List<Object> values = new ArrayList<>(row);
      values.replaceAll(value -> from.equals(value) ? to : value);
      rows.add(values);
    }
    return new Table(stacked.columns(), rows);
  }

  private static Table found(Table sets) {
    List<List<Object>> rows = new ArrayList<>();
    for (List<Object> row : sets.rows()) {
      long found = (Long) sets.value(row, "items_found");
      Object set = sets.value(row, "set");
      rows.add(List.of(set, "found", found));
      long tooShort = (Long) sets.value(row, "items_short");
      rows.add(List.of(set, "not found", (Long) sets.value(row, "items") - tooShort - found));
      rows.add(List.of(set, "too short", tooShort));
    }
    return new Table(List.of("set", "by", "value"), rows);
  }

  private static Table byRule(Table removals) {
    List<List<Object>> rows = new ArrayList<>();
    for (List<Object> row : removals.rows()) {
      Object stage = removals.value(row, "stage");
      Object reason = removals.value(row, "reason");
      rows.add(
          Arrays.asList(
              reason == null || reason.equals(stage) ? stage : stage + ": " + reason,
              stage,
              removals.value(row, "documents")));
    }
    return new Table(List.of("rule", "stage", "documents"), rows);
  }
}
