package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.max_by;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.trim;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.config.DocumentSettings;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.Cleaning;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.ExactDuplicates;
import io.moraine.pipeline.spark.Features;
import io.moraine.pipeline.spark.NearDuplicates;
import io.moraine.pipeline.spark.RepeatedSpans;
import io.moraine.pipeline.spark.UniqueIds;
import io.moraine.pipeline.spark.UrlDuplicates;
import io.moraine.pipeline.substring.SubstringConfig;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * The stages from files to surviving documents, for {@code prepare} and {@code dedup}. Writes
 * quarantine/, removed/ and index/.
 */
final class DocumentStages {

  private static final StructType NO_DUPLICATES =
      new StructType().add("id", "string").add("kept_id", "string");
  private static final StructType EMPTY_TEXTS = NO_DUPLICATES.add("cut_words", "int");

  private final SparkSession spark;
  private final DocumentSettings settings;
  private final PreparedDataset dataset;
  private final DatasetTables tables;
  private final Progress progress;
  private final List<FunnelStage> funnel = new ArrayList<>();
  private Dataset<Row> kept;
  private Dataset<Row> emptyTexts;

  DocumentStages(
      SparkSession spark,
      DocumentSettings settings,
      PreparedDataset dataset,
      DatasetTables tables,
      Progress progress) {
    this.spark = spark;
    this.settings = settings;
    this.dataset = dataset;
    this.tables = tables;
    this.progress = progress;
    this.emptyTexts = spark.createDataFrame(List.of(), EMPTY_TEXTS);
  }

  /**
   * The documents that are left: id, source, url, metadata, text.
   *
   * @param inputs Hadoop paths of files and folders
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or nothing of it is left
   */
  Dataset<Row> survivors(List<String> inputs, int tasks) {
    Dataset<Row> documents = read(inputs, tasks);
    Dataset<Row> cleaned = clean(documents);
    Dataset<Row> features = features(cleaned);
    Dataset<Row> url = urlDuplicates(cleaned, features);
    Dataset<Row> pages = url.isEmpty() ? features : without(features, url);
    Dataset<Row> exact = exactDuplicates(pages);
    Dataset<Row> near = nearDuplicates(pages, exact);
    Dataset<Row> distinct = texts(cleaned);
    if (settings.substring().isPresent()) {
      distinct = withoutRepeatedSpans(distinct, settings.substring().get());
    }
    writeRemoved(cleaned, url, exact, near);
    if (distinct.isEmpty()) {
      throw new CorpusException(
          "nothing is left of the input: every document was removed or unreadable. Look at the rules of the section clean.");
    }
    return distinct;
  }

  /** What each stage did, in order. */
  List<FunnelStage> funnel() {
    return List.copyOf(funnel);
  }

  /** Reads every part once; what is not readable goes to quarantine. */
  private Dataset<Row> read(List<String> inputs, int tasks) {
    begin("read");
    Dataset<Row> parts =
        tables.stored("read", CorpusReader.read(spark, inputs, settings.read(), tasks));
    Dataset<Row> unreadable = parts.where(col("error").isNotNull());
    long all = parts.count();
    long quarantined = unreadable.count();
    if (!settings.quarantine().allows(quarantined, all)) {
      Row first = unreadable.orderBy("file", "offset").first();
      throw new CorpusException(
          "%,d of %,d parts cannot be read, more than quarantine.max-share = %s; the first: %s at %d: %s. Mend the input or raise the setting."
              .formatted(
                  quarantined,
                  all,
                  settings.quarantine().maxShare(),
                  first.getAs("file"),
                  first.<Long>getAs("offset"),
                  first.getAs("error")));
    }
    tables.write(
        unreadable.select("file", "offset", "error", "raw"),
        dataset.quarantine(),
        List.of("file", "offset"));
    Dataset<Row> documents = parts.where(col("error").isNull());
    Dataset<Row> repeated = tables.stored("repeated-ids", UniqueIds.repeated(documents));
    long repeatedIds = repeated.count();
    if (repeatedIds > 0) {
      progress.say(
          "%,d ids stand more than once: all but their first document get a suffix."
              .formatted(repeatedIds));
      documents = tables.stored("read-unique", UniqueIds.assign(documents, repeated));
    }
    finish("read", all, quarantined, "parts read, %,d quarantined");
    return documents;
  }

  private Dataset<Row> clean(Dataset<Row> documents) {
    begin("quality");
    Dataset<Row> cleaned = tables.stored("cleaned", Cleaning.clean(documents, settings.clean()));
    finish(
        "quality",
        cleaned.count(),
        cleaned.where(col("reason").isNotNull()).count(),
        "documents, %,d rejected by a quality rule");
    return cleaned;
  }

  private Dataset<Row> features(Dataset<Row> cleaned) {
    begin("shingles");
    Dataset<Row> passed = cleaned.where(col("reason").isNull());
    Dataset<Row> features =
        tables.stored("features", Features.of(passed, settings.near().shingleWords()));
    progress.done("%,d documents".formatted(features.count()));
    return features;
  }

  private Dataset<Row> urlDuplicates(Dataset<Row> cleaned, Dataset<Row> features) {
    if (!settings.deduplicate().url()) {
      return spark.createDataFrame(List.of(), NO_DUPLICATES);
    }
    begin("url");
    Dataset<Row> url = tables.stored("url", UrlDuplicates.find(cleaned, features));
    finish("url", features.count(), url.count(), "documents, %,d of a URL that another has");
    return url;
  }

  private Dataset<Row> exactDuplicates(Dataset<Row> features) {
    begin("exact");
    Dataset<Row> found = ExactDuplicates.find(features);
    Dataset<Row> exact =
        tables.stored("exact", settings.deduplicate().exact() ? found : found.where(lit(false)));
    finish("exact", features.count(), exact.count(), "documents, %,d exact duplicates");
    return exact;
  }

  private Dataset<Row> nearDuplicates(Dataset<Row> features, Dataset<Row> exact) {
    begin("near");
    Dataset<Row> distinct = tables.stored("distinct", without(features, exact));
    Dataset<Row> considered = settings.deduplicate().near() ? distinct : distinct.where(lit(false));
    NearDuplicates.Outcome outcome =
        NearDuplicates.search(
            spark,
            considered,
            settings.near(),
            0,
            (name, rows) -> tables.stored("near-" + name, rows));
    Dataset<Row> near = tables.stored("near", outcome.removed());
    long documents = distinct.count();
    long duplicates = near.count();
    finish("near", documents, duplicates, "documents, %,d near duplicates");
    kept = tables.stored("kept", without(distinct, near));
    tables.writeParquet(kept, dataset.index(), List.of("id"), documents - duplicates);
    return near;
  }

  private Dataset<Row> texts(Dataset<Row> cleaned) {
    return cleaned
        .select("id", "source", "url", "metadata", "text")
        .join(kept.select(col("id").as("kept_id")), col("id").equalTo(col("kept_id")), "left_semi");
  }

  /** Cuts repeated spans; documents of which no word is left are removed. */
  private Dataset<Row> withoutRepeatedSpans(Dataset<Row> texts, SubstringConfig config) {
    begin("substring");
    RepeatedSpans.Outcome outcome =
        RepeatedSpans.cut(spark, tables.stored("distinct-texts", texts), config);
    Dataset<Row> cuts = tables.stored("cuts", outcome.cuts());
    tables.write(cuts, dataset.cuts(), List.of("id", "pass", "start_word"));
    Dataset<Row> documents = tables.stored("cut-texts", outcome.documents());
    Column isEmpty = col("cut_words").gt(0).and(trim(col("text")).equalTo(""));
    Dataset<Row> empty = documents.where(isEmpty).select("id", "cut_words");
    Dataset<Row> lastCut =
        cuts.groupBy("id")
            .agg(max_by(col("first_id"), struct("pass", "start_word")).as("first_id"));
    Dataset<Row> emptied = empty.select(col("id").as("empty_id"));
    emptyTexts =
        tables.stored(
            "empty-texts",
            empty
                .join(lastCut, "id")
                .join(emptied, col("first_id").equalTo(col("empty_id")), "left")
                .select(
                    col("id"),
                    when(col("empty_id").isNull(), col("first_id")).as("kept_id"),
                    col("cut_words")));
    finish(
        "substring",
        documents.count(),
        emptyTexts.count(),
        "documents, " + cutWords(documents) + " words cut, %,d documents empty");
    if (!outcome.complete()) {
      progress.say(
          "after %d passes repeated spans are left: raise substring.max-passes."
              .formatted(outcome.passes()));
    }
    return documents.where(not(isEmpty)).drop("cut_words", "cut_spans");
  }

  private static String cutWords(Dataset<Row> documents) {
    return String.format(
        Locale.ROOT,
        "%,d",
        documents.agg(coalesce(sum("cut_words"), lit(0L)).cast("long")).first().getLong(0));
  }

  /** One row per removed document; kept_id always names a survivor. */
  private void writeRemoved(
      Dataset<Row> cleaned, Dataset<Row> url, Dataset<Row> exact, Dataset<Row> near) {
    Column unknown = lit(null).cast("double");
    Dataset<Row> byRule =
        cleaned
            .where(col("reason").isNotNull())
            .withColumn("kept_id", lit(null).cast("string"))
            .select(removal("quality", col("reason"), col("detail"), unknown));
    Column none = lit(null).cast("string");
    Dataset<Row> nothingLeft =
        emptyTexts.select(
            removal(
                "substring",
                lit("nothing-left"),
                concat(col("cut_words"), lit(" words stand in other documents")),
                unknown));
    Dataset<Row> similar =
        redirected(
            near.select(removal("near", lit("similar-text"), none, col("similarity"))),
            nothingLeft);
    Dataset<Row> sameText = exact.select(removal("exact", lit("same-text"), none, lit(1.0)));
    Dataset<Row> sameUrl = url.select(removal("url", lit("same-url"), none, unknown));
    tables.write(
        byRule
            .union(redirected(redirected(redirected(sameUrl, sameText), similar), nothingLeft))
            .union(redirected(redirected(sameText, similar), nothingLeft))
            .union(similar)
            .union(nothingLeft),
        dataset.removed(),
        List.of("id"));
  }

  private static Column[] removal(String stage, Column reason, Column detail, Column similarity) {
    return new Column[] {
      col("id"),
      lit(stage).as("stage"),
      reason.as("reason"),
      detail.as("detail"),
      col("kept_id"),
      similarity.cast("double").as("similarity")
    };
  }

  /**
   * Removals whose kept document was removed by a later stage name that stage's kept one; the
   * similarity with it is known where the texts were the same.
   */
  private static Dataset<Row> redirected(Dataset<Row> removals, Dataset<Row> later) {
    Dataset<Row> moved =
        later.select(
            col("id").as("via"), col("kept_id").as("final_id"), col("similarity").as("to_final"));
    Column isMoved = col("via").isNotNull();
    return removals
        .join(moved, removals.col("kept_id").equalTo(moved.col("via")), "left")
        .select(
            col("id"),
            col("stage"),
            col("reason"),
            when(isMoved, concat(lit("as "), col("via"), lit(", which was removed later")))
                .otherwise(col("detail"))
                .as("detail"),
            when(isMoved, col("final_id")).otherwise(col("kept_id")).as("kept_id"),
            when(isMoved.and(col("similarity").equalTo(1.0)), col("to_final"))
                .otherwise(col("similarity"))
                .as("similarity"));
  }

  private static Dataset<Row> without(Dataset<Row> rows, Dataset<Row> removed) {
    Dataset<Row> ids = removed.select(col("id").as("removed_id"));
    return rows.join(ids, rows.col("id").equalTo(ids.col("removed_id")), "left_anti");
  }

  private void begin(String stage) {
    spark.sparkContext().setJobGroup("documents", stage, false);
    progress.start(stage);
  }

  private void finish(String stage, long in, long removed, String format) {
    funnel.add(new FunnelStage(stage, in, removed, in - removed));
    progress.done(String.format(Locale.ROOT, "%,d " + format, in, removed));
  }
}
