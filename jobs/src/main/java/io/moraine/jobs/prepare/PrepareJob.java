package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.udf;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.Packing;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerException;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

/** A corpus to a prepared dataset: surviving documents, tokenizer, packed sequences. */
public final class PrepareJob {

  private final SparkSession spark;
  private final Configuration hadoop;
  private final PrepareSettings settings;
  private final Progress progress;
  private DatasetRun run;

  public PrepareJob(SparkSession spark, PrepareSettings settings, Progress progress) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Prepares a dataset.
   *
   * @param tokenizerFile an existing tokenizer.json; empty to train one
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or nothing of it is left
   */
  public Manifest run(DatasetPaths paths, Optional<String> tokenizerFile, int tasks)
      throws IOException {
    Optional<Tokenizer> given =
        tokenizerFile.isEmpty()
            ? Optional.empty()
            : Optional.of(TokenizerFile.read(hadoop, tokenizerFile.get()));
    String key =
        RunKey.of(
            hadoop,
            "prepare",
            settings.digest(),
            settings.documents().decontamination(),
            paths.inputs(),
            given.map(TokenizerJson::write).orElse(""));
    run = DatasetRun.begin(spark, settings.documents(), paths, key, progress);

    Dataset<Row> survivors = withHeldOut(run.stages().survivors(paths.inputs(), tasks));
    Tokenizer tokenizer = given.isPresent() ? given.get() : trainedTokenizer(survivors);
    String tokenizerJson = TokenizerJson.write(tokenizer);
    run.publication().write(run.dataset().tokenizer(), tokenizerJson);
    Dataset<Row> tokenized = tokenize(survivors, tokenizer);
    int endOfText = endOfText(tokenizer);
    Packing.Packed train = pack(tokenized, false, endOfText, run.dataset().sequences());
    Packing.Packed heldOut = pack(tokenized, true, endOfText, run.dataset().heldOut());

    List<FunnelStage> funnel = run.funnel().stages();
    Manifest manifest =
        new Manifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(tokenizerJson),
            tokenizer.vocabularySize(),
            settings.sequences().length(),
            funnel,
            counts(funnel, train, heldOut),
            settings.rendered());
    run.publish(manifest.rendered());
    return manifest;
  }

  private Dataset<Row> withHeldOut(Dataset<Row> documents) {
    run.funnel().begin("survivors");
    Column isHeldOut =
        udf((UDF1<String, Boolean>) settings.heldOut()::contains, DataTypes.BooleanType)
            .apply(col("id"));
    Dataset<Row> survivors =
        run.tables().stored("survivors", documents.withColumn("held_out", isHeldOut));
    run.funnel().done("%,d documents".formatted(survivors.count()));
    return survivors;
  }

  /** Trains one, unless an interrupted run did. */
  private Tokenizer trainedTokenizer(Dataset<Row> survivors) throws IOException {
    Optional<String> finished = run.publication().read(run.dataset().tokenizer());
    return finished.isPresent() ? TokenizerJson.read(finished.get()) : trainTokenizer(survivors);
  }

  private Tokenizer trainTokenizer(Dataset<Row> survivors) {
    return new TokenizerStage(run.tables(), run.funnel(), progress)
        .trained(survivors.where(col("held_out").equalTo(false)), settings.tokenizer())
        .tokenizer();
  }

  private Dataset<Row> tokenize(Dataset<Row> survivors, Tokenizer tokenizer) {
    run.funnel().begin("tokenize");
    Dataset<Row> ids = Tokenization.withTokens(survivors, tokenizer);
    Dataset<Row> tokenized = run.tables().stored("tokenized", ids);
    run.tables()
        .write(
            tokenized.select("id", "source", "url", "metadata", "text", "n_tokens", "held_out"),
            run.dataset().documents(),
            List.of("id"));
    run.funnel().done("%,d documents".formatted(tokenized.count()));
    return tokenized;
  }

  private Packing.Packed pack(
      Dataset<Row> tokenized, boolean heldOut, int endOfText, String folder) {
    run.funnel().begin(heldOut ? "pack held-out" : "pack");
    Packing.Packed packed =
        Packing.pack(
            tokenized.where(col("held_out").equalTo(heldOut)), settings.sequences(), endOfText);
    run.tables().writeParquet(packed.sequences(), folder, List.of("sequence_id"), packed.count());
    run.funnel().done("%,d sequences".formatted(packed.count()));
    return packed;
  }

  private static Manifest.Counts counts(
      List<FunnelStage> funnel, Packing.Packed train, Packing.Packed heldOut) {
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

  private static int endOfText(Tokenizer tokenizer) {
    return tokenizer
        .endOfText()
        .orElseThrow(
            () ->
                new TokenizerException(
                    "the tokenizer has no special token to end documents with, such as "
                        + Tokenizer.END_OF_TEXT));
  }
}
