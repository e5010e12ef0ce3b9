package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.config.DocumentSettings;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.Cleaning;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.ExactDuplicates;
import io.moraine.pipeline.spark.Features;
import io.moraine.pipeline.spark.NearDuplicates;
import io.moraine.pipeline.spark.NearReport;
import io.moraine.pipeline.spark.UniqueIds;
import io.moraine.pipeline.spark.UrlDuplicates;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * The stages from files to surviving documents, for {@code prepare} and {@code dedup}. Writes
 * removed/, superseded/, report/ and the index; {@link Reading} writes quarantine/, {@link
 * TextStages} cuts/.
 *
 * <p>Three stages have other names in settings or tables than in the funnel: {@code read} stores
 * the table {@code parts}; the settings' sections {@code clean}, {@code language} and {@code pii}
 * are the stage {@code quality}, whose table is {@code cleaned}; {@code shingles} stores {@code
 * features}.
 */
final class DocumentStages {

  private static final int SAMPLED_PAIRS = 20;
  private static final Column NONE = lit(null);

  private final SparkSession spark;
  private final DocumentSettings settings;
  private final CorpusRun corpus;
  private final PreparedDataset dataset;
  private final DatasetTables tables;
  private final DocumentIndex index;
  private final Funnel funnel;
  private final Removals removals;
  private final TextStages textStages;
  private final List<Dataset<Row>> duplicates = new ArrayList<>();

  DocumentStages(
      SparkSession spark,
      DocumentSettings settings,
      CorpusRun corpus,
      DocumentIndex index,
      Optional<EvaluationIndex> evaluation) {
    this.spark = spark;
    this.settings = settings;
    this.corpus = corpus;
    this.dataset = corpus.dataset();
    this.tables = corpus.tables();
    this.index = index;
    this.funnel = corpus.funnel();
    this.removals = new Removals(spark, tables);
    this.textStages = new TextStages(spark, settings, evaluation, tables, funnel, removals);
  }

  /**
   * What the stages came to.
   *
   * @param texts the documents that are left, {@link Cleaning#PASSED}
   * @param summary what the stages did, on a page
   */
  record Remaining(Dataset<Row> texts, List<String> summary) {}

  /**
   * Takes documents through all stages.
   *
   * @param inputs Hadoop paths of files and folders
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing, or nothing of it is left and nothing was
   *     published before
   */
  Remaining remaining(List<String> inputs, int tasks) throws IOException {
    Dataset<Row> documents = read(inputs, tasks);
    Dataset<Row> cleaned = clean(documents);
    Dataset<Row> features = features(cleaned);
    findNearDuplicates(withoutExactDuplicates(withoutUrlDuplicates(cleaned, features)));
    Dataset<Row> texts = textStages.apply(texts(cleaned), dataset.cuts());
    Dataset<Row> removed = removals.resolved();
    tables.write(removed, dataset.removed(), List.of("id"));
    if (index.increment() > 0) {
      writeSuperseded(removed, features);
    }
    funnel.begin("report");
    List<String> summary =
        new CorpusReport(spark, dataset, tables).write(funnel, cleaned, features, removed);
    funnel.done("%d lines".formatted(summary.size()));
    if (index.increment() == 0 && texts.isEmpty()) {
      throw new CorpusException(
          "nothing is left of the input: every document was removed or unreadable. Look at the rules of the section clean.");
    }
    writeIncrement(cleaned, features, removed);
    return new Remaining(texts, summary);
  }

  private Dataset<Row> read(List<String> inputs, int tasks) {
    Dataset<Row> documents =
        new Reading(corpus, settings.quarantine())
            .documents(() -> CorpusReader.read(spark, inputs, settings.read(), tasks));
    return index.increment() == 0
        ? documents
        : UniqueIds.avoiding(documents, index.features(spark), index.increment());
  }

  private Dataset<Row> clean(Dataset<Row> documents) {
    funnel.begin("quality");
    boolean isUnchanged = settings.clean().changesNothing() && index.increment() == 0;
    Dataset<Row> cleaned =
        isUnchanged
            ? Cleaning.unchanged(documents)
            : tables.stored("cleaned", Cleaning.clean(documents, settings.clean()));
    Dataset<Row> rejected = cleaned.where(col("reason").isNotNull());
    removals.add(
        "quality",
        rejected.withColumn("kept_id", NONE.cast("string")),
        col("reason"),
        col("detail"),
        NONE);
    Row counts = cleaned.agg(count(lit(1)), count("reason")).first();
    funnel.counted(
        "quality",
        counts.getLong(0),
        counts.getLong(1),
        "documents, %,d rejected by a quality rule");
    return cleaned;
  }

  private Dataset<Row> features(Dataset<Row> cleaned) {
    funnel.begin("shingles");
    Dataset<Row> passed = cleaned.where(col("reason").isNull());
    Dataset<Row> features =
        tables.stored("features", Features.of(passed, settings.near().shingleWords()));
    funnel.done("%,d documents".formatted(features.count()));
    return features;
  }

  private Dataset<Row> withoutUrlDuplicates(Dataset<Row> cleaned, Dataset<Row> features) {
    if (!settings.deduplicate().url()) {
      return features;
    }
    funnel.begin("url");
    Dataset<Row> url =
        tables.stored(
            "url", UrlDuplicates.find(UrlDuplicates.pages(cleaned, features), index.pages(spark)));
    duplicates.add(url);
    removals.add("url", url, lit("same-url"), NONE, NONE);
    funnel.counted(
        "url", features.count(), url.count(), "documents, %,d of a URL that another has");
    return without(features, url);
  }

  private Dataset<Row> withoutExactDuplicates(Dataset<Row> features) {
    if (!settings.deduplicate().exact()) {
      return features;
    }
    funnel.begin("exact");
    Dataset<Row> exact =
        tables.stored("exact", ExactDuplicates.find(features, index.features(spark)));
    duplicates.add(exact);
    removals.add("exact", exact, lit("same-text"), NONE, lit(1.0));
    funnel.counted("exact", features.count(), exact.count(), "documents, %,d exact duplicates");
    return without(features, exact);
  }

  private void findNearDuplicates(Dataset<Row> features) {
    if (!settings.deduplicate().near()) {
      return;
    }
    funnel.begin("near");
    Dataset<Row> near = nearDuplicates(features);
    duplicates.add(near);
    removals.add("near", near, lit("similar-text"), NONE, col("similarity"));
    funnel.counted("near", features.count(), near.count(), "documents, %,d near duplicates");
  }

  /** Stores the near duplicates, and behind them a sample of pairs for the report. */
  private Dataset<Row> nearDuplicates(Dataset<Row> features) {
    if (!tables.isStored(CorpusReport.PAIRS)) {
      NearDuplicates.Outcome outcome = searchNearDuplicates(features);
      Dataset<Row> removed = tables.stored("near", outcome.removed());
      tables.stored(
          CorpusReport.PAIRS, NearReport.samples(removed, outcome.nearMisses(), SAMPLED_PAIRS));
    }
    return tables.read("near");
  }

  private NearDuplicates.Outcome searchNearDuplicates(Dataset<Row> features) {
    Dataset<Row> all =
        index.features(spark).unionByName(features.withColumn("increment", lit(index.increment())));
    return NearDuplicates.search(
        spark,
        all,
        settings.near(),
        index.increment(),
        (name, rows) -> tables.stored("near-" + name, rows));
  }

  /** Named by what they are not: the removed ids are few, and Spark sends them to the texts. */
  private Dataset<Row> texts(Dataset<Row> cleaned) {
    Dataset<Row> texts = cleaned.where(col("reason").isNull()).drop("reason", "detail");
    for (Dataset<Row> removed : duplicates) {
      texts = without(texts, removed);
    }
    return texts;
  }

  /** Published documents with better copies, by priority, that came too late. */
  private void writeSuperseded(Dataset<Row> removed, Dataset<Row> features) {
    Dataset<Row> published =
        index
            .features(spark)
            .select(col("id").as("published_id"), col("length").as("published_length"));
    Dataset<Row> lengths = features.select(col("id").as("new_id"), col("length"));
    Column isLonger = col("length").gt(col("published_length"));
    Column isFirst =
        col("length").equalTo(col("published_length")).and(col("new_id").lt(col("published_id")));
    Dataset<Row> superseded =
        removed
            .where(col("stage").isin("url", "near"))
            .join(published, col("kept_id").equalTo(col("published_id")))
            .join(lengths, col("id").equalTo(col("new_id")))
            .where(isLonger.or(isFirst))
            .select(
                col("published_id").as("id"),
                col("published_length").as("length"),
                col("new_id").as("better_id"),
                col("length").as("better_length"),
                col("stage"),
                col("similarity"));
    tables.write(superseded, dataset.superseded(), List.of("id", "better_id"));
  }

  private void writeIncrement(Dataset<Row> cleaned, Dataset<Row> features, Dataset<Row> removed)
      throws IOException {
    funnel.begin("index");
    Dataset<Row> published = without(features, removed);
    index.write(tables, published, pages(cleaned, features, removed), published.count());
    funnel.done("increment %d".formatted(index.increment()));
  }

  /** The documents that stand for pages which no earlier increment had. */
  private Dataset<Row> pages(Dataset<Row> cleaned, Dataset<Row> features, Dataset<Row> removed) {
    Dataset<Row> standIns = removed.select(col("id").as("removed_id"), col("kept_id"));
    Dataset<Row> known = index.pages(spark).select(col("url_key").as("known_key"));
    return UrlDuplicates.firsts(UrlDuplicates.pages(cleaned, features))
        .join(known, col("url_key").equalTo(col("known_key")), "left_anti")
        .join(standIns, col("id").equalTo(col("removed_id")), "left")
        .select(
            col("url_key"),
            when(col("removed_id").isNull(), col("id")).otherwise(col("kept_id")).as("kept_id"))
        .where(col("kept_id").isNotNull());
  }

  private static Dataset<Row> without(Dataset<Row> rows, Dataset<Row> removed) {
    Dataset<Row> ids = removed.select(col("id").as("removed_id"));
    return rows.join(ids, rows.col("id").equalTo(ids.col("removed_id")), "left_anti");
  }
}
