package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.config.PrepareSettings.OutputFormat;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.sequence.HeldOut;
import io.moraine.pipeline.spark.Cleaning;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.ExactDuplicates;
import io.moraine.pipeline.spark.Features;
import io.moraine.pipeline.spark.NearDuplicates;
import io.moraine.pipeline.spark.Packing;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.spark.TokenizerTraining;
import io.moraine.pipeline.spark.UniqueIds;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerException;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/**
 * A corpus to a prepared dataset. Each stage's result is stored before the next one reads it, so
 * that nothing is computed twice.
 */
public final class PrepareJob {

  /** Rows per output file: about 100 MB of documents or sequences. */
  private static final long ROWS_PER_FILE = 20_000;

  private final SparkSession spark;
  private final Configuration hadoop;
  private final PrepareSettings settings;
  private final Progress progress;
  private final List<FunnelStage> funnel = new ArrayList<>();
  private PreparedDataset dataset;

  public PrepareJob(SparkSession spark, PrepareSettings settings, Progress progress) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Prepares a dataset.
   *
   * @param inputs Hadoop paths of files and folders
   * @param output the dataset's folder
   * @param tokenizerFile an existing tokenizer.json; empty to train one
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or nothing of it is left
   */
  public Manifest run(List<String> inputs, String output, Optional<String> tokenizerFile, int tasks)
      throws IOException {
    Optional<Tokenizer> given =
        tokenizerFile.isEmpty() ? Optional.empty() : load(tokenizerFile.get());
    Publication publication = Publication.begin(hadoop, output);
    dataset = publication.staging();
    funnel.clear();

    Dataset<Row> parts = read(inputs, tasks);
    Dataset<Row> cleaned = clean(parts);
    Dataset<Row> features = features(cleaned);
    Dataset<Row> exact = exactDuplicates(features);
    Dataset<Row> near = nearDuplicates(features, exact);
    writeRemoved(cleaned, exact, near);
    Dataset<Row> survivors = survivors(cleaned);
    Tokenizer tokenizer = given.isPresent() ? given.get() : trainTokenizer(survivors);
    String tokenizerJson = TokenizerJson.write(tokenizer);
    publication.write(dataset.tokenizer(), tokenizerJson);
    Dataset<Row> tokenized = tokenize(survivors, tokenizer);
    int endOfText = endOfText(tokenizer);
    Packing.Packed train = pack(tokenized, false, endOfText, dataset.sequences());
    Packing.Packed heldOut = pack(tokenized, true, endOfText, dataset.heldOut());

    Manifest manifest =
        new Manifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(tokenizerJson),
            tokenizer.vocabularySize(),
            settings.sequences().length(),
            funnel,
            counts(train, heldOut),
            settings.rendered());
    publication.publish(manifest);
    return manifest;
  }

  /** Reads every part once; what is not readable goes to quarantine. */
  private Dataset<Row> read(List<String> inputs, int tasks) {
    begin("read");
    Dataset<Row> parts = stored("read", CorpusReader.read(spark, inputs, settings.read(), tasks));
    Dataset<Row> unreadable = parts.where(col("error").isNotNull());
    write(
        unreadable.select("file", "offset", "error", "raw"),
        dataset.quarantine(),
        List.of("file", "offset"));
    Dataset<Row> documents = parts.where(col("error").isNull());
    Dataset<Row> repeated = stored("repeated-ids", UniqueIds.repeated(documents));
    long repeatedIds = repeated.count();
    if (repeatedIds > 0) {
      progress.say(
          "%,d ids stand more than once: all but their first document get a suffix."
              .formatted(repeatedIds));
      documents = stored("read-unique", UniqueIds.assign(documents, repeated));
    }
    long all = parts.count();
    finish("read", all, unreadable.count(), "parts read, %,d quarantined");
    return documents;
  }

  private Dataset<Row> clean(Dataset<Row> documents) {
    begin("quality");
    Dataset<Row> cleaned = stored("cleaned", Cleaning.clean(documents, settings.clean()));
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
    Dataset<Row> features = stored("features", Features.of(passed, settings.near().shingleWords()));
    progress.done("%,d documents".formatted(features.count()));
    return features;
  }

  private Dataset<Row> exactDuplicates(Dataset<Row> features) {
    begin("exact");
    Dataset<Row> found = ExactDuplicates.find(features);
    Dataset<Row> exact =
        stored("exact", settings.deduplicate().exact() ? found : found.where(lit(false)));
    finish("exact", features.count(), exact.count(), "documents, %,d exact duplicates");
    return exact;
  }

  private Dataset<Row> nearDuplicates(Dataset<Row> features, Dataset<Row> exact) {
    begin("near");
    Dataset<Row> distinct = stored("distinct", without(features, exact));
    Dataset<Row> considered = settings.deduplicate().near() ? distinct : distinct.where(lit(false));
    Dataset<Row> near = stored("near", NearDuplicates.find(spark, considered, settings.near()));
    finish("near", distinct.count(), near.count(), "documents, %,d near duplicates");
    write(without(distinct, near), dataset.index(), List.of("id"));
    return near;
  }

  /** One row per removed document; kept_id always names a survivor. */
  private void writeRemoved(Dataset<Row> cleaned, Dataset<Row> exact, Dataset<Row> near) {
    Column none = lit(null).cast("string");
    Dataset<Row> byRule =
        cleaned
            .where(col("reason").isNotNull())
            .select(
                col("id"),
                lit("quality").as("stage"),
                col("reason"),
                col("detail"),
                none.as("kept_id"),
                lit(null).cast("double").as("similarity"));
    Dataset<Row> moved =
        near.select(
            col("id").as("via"), col("kept_id").as("final_id"), col("similarity").as("to_final"));
    Dataset<Row> sameText =
        exact
            .join(moved, exact.col("kept_id").equalTo(moved.col("via")), "left")
            .select(
                col("id"),
                lit("exact").as("stage"),
                lit("same-text").as("reason"),
                when(
                        col("via").isNotNull(),
                        concat(lit("same text as "), col("via"), lit(", a near duplicate")))
                    .as("detail"),
                coalesce(col("final_id"), col("kept_id")).as("kept_id"),
                when(col("via").isNull(), lit(1.0)).otherwise(col("to_final")).as("similarity"));
    Dataset<Row> similar =
        near.select(
            col("id"),
            lit("near").as("stage"),
            lit("similar-text").as("reason"),
            none.as("detail"),
            col("kept_id"),
            col("similarity"));
    write(byRule.union(sameText).union(similar), dataset.removed(), List.of("id"));
  }

  private Dataset<Row> survivors(Dataset<Row> cleaned) {
    begin("survivors");
    Dataset<Row> removed = dataset.removedTable(spark).select("id");
    HeldOut heldOut = settings.heldOut();
    Column isHeldOut =
        udf((UDF1<String, Boolean>) heldOut::contains, DataTypes.BooleanType).apply(col("id"));
    Dataset<Row> survivors =
        stored(
            "survivors",
            without(cleaned.select("id", "source", "text"), removed)
                .withColumn("held_out", isHeldOut));
    long count = survivors.count();
    if (count == 0) {
      throw new CorpusException(
          "nothing is left of the input: every document was removed or unreadable. Look at the rules of the section clean.");
    }
    progress.done("%,d documents".formatted(count));
    return survivors;
  }

  private Tokenizer trainTokenizer(Dataset<Row> survivors) {
    begin("tokenizer");
    int size = settings.tokenizer().vocabularySize();
    Tokenizer tokenizer =
        TokenizerTraining.train(
            survivors.where(col("held_out").equalTo(false)),
            settings.tokenizer(),
            learned -> {
              if (learned % 256 == 0) {
                progress.update("%,d of %,d tokens learned".formatted(learned, size));
              }
            });
    progress.done("%,d tokens learned".formatted(tokenizer.vocabularySize()));
    if (tokenizer.vocabularySize() < size) {
      progress.say(
          "the corpus is too small for %,d tokens: no pair is left that stands %,d times."
              .formatted(size, settings.tokenizer().minFrequency()));
    }
    return tokenizer;
  }

  private Dataset<Row> tokenize(Dataset<Row> survivors, Tokenizer tokenizer) {
    begin("tokenize");
    Dataset<Row> ids = Tokenization.tokenize(survivors, tokenizer);
    Column isHeldOut =
        udf((UDF1<String, Boolean>) settings.heldOut()::contains, DataTypes.BooleanType)
            .apply(col("id"));
    Dataset<Row> tokenized = stored("tokenized", ids.withColumn("held_out", isHeldOut));
    write(
        tokenized.select("id", "source", "text", "n_tokens", "held_out"),
        dataset.documents(),
        List.of("id"));
    progress.done("%,d documents".formatted(tokenized.count()));
    return tokenized;
  }

  private Packing.Packed pack(
      Dataset<Row> tokenized, boolean heldOut, int endOfText, String folder) {
    begin(heldOut ? "pack held-out" : "pack");
    Packing.Packed packed =
        Packing.pack(
            tokenized.where(col("held_out").equalTo(heldOut)), settings.sequences(), endOfText);
    writeParquet(packed.sequences(), folder, List.of("sequence_id"), packed.count());
    progress.done("%,d sequences".formatted(packed.count()));
    return packed;
  }

  private Manifest.Counts counts(Packing.Packed train, Packing.Packed heldOut) {
    FunnelStage first = funnel.get(0);
    long removed = funnel.stream().skip(1).mapToLong(FunnelStage::removed).sum();
    return new Manifest.Counts(
        first.in(),
        first.removed(),
        removed,
        train.documents() + heldOut.documents(),
        heldOut.documents(),
        train.tokens(),
        train.count(),
        train.tailTokens(),
        heldOut.tokens(),
        heldOut.count(),
        heldOut.tailTokens());
  }

  private Optional<Tokenizer> load(String file) throws IOException {
    Path path = new Path(file);
    try (InputStream in = path.getFileSystem(hadoop).open(path)) {
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return Optional.of(TokenizerJson.read(text));
    } catch (TokenizerException e) {
      throw new TokenizerException("--tokenizer %s: %s".formatted(file, e.getMessage()));
    }
  }

  private static int endOfText(Tokenizer tokenizer) {
    return tokenizer
        .endOfText()
        .orElseThrow(
            () ->
                new TokenizerException(
                    "the tokenizer has no special token to end documents with, such as "
                        + Tokenizer.END_OF_TEXT));
  }

  private static Dataset<Row> without(Dataset<Row> rows, Dataset<Row> removed) {
    Dataset<Row> ids = removed.select(col("id").as("removed_id"));
    return rows.join(ids, rows.col("id").equalTo(ids.col("removed_id")), "left_anti");
  }

  private void begin(String stage) {
    spark.sparkContext().setJobGroup("prepare", "prepare: " + stage, false);
    progress.start("prepare: " + stage);
  }

  private void finish(String stage, long in, long removed, String format) {
    funnel.add(new FunnelStage(stage, in, removed, in - removed));
    progress.done(String.format(Locale.ROOT, "%,d " + format, in, removed));
  }

  /** Stores a stage's result and reads it back. */
  private Dataset<Row> stored(String name, Dataset<Row> rows) {
    rows.write().parquet(dataset.work(name));
    return spark.read().schema(rows.schema()).parquet(dataset.work(name));
  }

  /** Writes a result in the chosen format, in the order of its keys. */
  private void write(Dataset<Row> rows, String folder, List<String> order) {
    if (settings.outputFormat() == OutputFormat.PARQUET || folder.equals(dataset.index())) {
      writeParquet(rows, folder, order, rows.count());
    } else {
      ordered(rows, order, rows.count()).write().option("compression", "gzip").json(folder);
    }
  }

  private void writeParquet(Dataset<Row> rows, String folder, List<String> order, long count) {
    ordered(rows, order, count).write().parquet(folder);
  }

  private Dataset<Row> ordered(Dataset<Row> rows, List<String> order, long count) {
    Column[] keys = order.stream().map(name -> col(name)).toArray(Column[]::new);
    int files = (int) Math.max(1, (count + ROWS_PER_FILE - 1) / ROWS_PER_FILE);
    return rows.repartitionByRange(files, keys).sortWithinPartitions(keys);
  }
}
