package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.spark.TrainingDocuments;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

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
   * @param tokenizerFile a tokenizer.json, which is copied, or a rank file; empty to train one
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or nothing of it is left
   */
  public Manifest run(DatasetPaths paths, Optional<String> tokenizerFile, int tasks)
      throws IOException {
    return HeldLeases.during(
        spark, progress, leases -> prepare(leases, paths, tokenizerFile, tasks));
  }

  private Manifest prepare(
      HeldLeases leases, DatasetPaths paths, Optional<String> tokenizerFile, int tasks)
      throws IOException {
    Optional<TokenizerFile> given = given(tokenizerFile);
    String key =
        RunKey.of(
            hadoop,
            "prepare",
            settings.digest(),
            settings.documents().decontamination(),
            paths.inputs(),
            given.map(TokenizerFile::json).orElse(""));
    run =
        DatasetRun.begin(
            leases, spark, settings.documents(), ResultKind.DATASET, paths, key, progress);
    SequenceStages sequences = new SequenceStages(run, settings);

    DocumentStages.Remaining remaining = run.stages().remaining(paths.inputs(), tasks);
    Dataset<Row> survivors = withHeldOut(remaining.texts());
    sequences.requireKnownSources(survivors);
    Tokenizer tokenizer = given.isPresent() ? given.get().tokenizer() : trainedTokenizer(survivors);
    String tokenizerJson =
        given.map(TokenizerFile::json).orElseGet(() -> TokenizerJson.write(tokenizer));
    run.publication().write(run.dataset().tokenizer(), tokenizerJson);
    Tokenized tokenized = tokenize(survivors, tokenizer);
    SequenceStages.Result packed = sequences.pack(tokenized.rows(), tokenizer);

    List<FunnelStage> funnel = run.funnel().stages();
    Manifest manifest =
        new Manifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(tokenizerJson),
            tokenizer.vocabularySize(),
            settings.sequences().length(),
            funnel,
            run.funnel().passedOver(),
            counts(funnel, tokenized.documents(), packed),
            packed.mixture(),
            settings.rendered());
    List<String> leftOut = FunnelTable.leftOut(packed.mixture());
    run.publish(manifest.rendered(), remaining.summary(), leftOut);
    return manifest;
  }

  private Optional<TokenizerFile> given(Optional<String> name) throws IOException {
    if (name.isEmpty()) {
      TokenizerFile.requireNone(settings.rankFile());
      return Optional.empty();
    }
    TokenizerFile file = TokenizerFile.read(hadoop, name.get(), settings.rankFile());
    SequenceStages.requireSpecialTokens(settings, file);
    return Optional.of(file);
  }

  private Dataset<Row> withHeldOut(Dataset<Row> documents) {
    run.funnel().begin("survivors");
    Column isHeldOut = TrainingDocuments.isHeldOut(settings.heldOut());
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

  /** Documents with their tokens, and how many they are. */
  private record Tokenized(Dataset<Row> rows, long documents) {}

  private Tokenized tokenize(Dataset<Row> survivors, Tokenizer tokenizer) {
    run.funnel().begin("tokenize");
    Dataset<Row> ids = Tokenization.withTokens(survivors, tokenizer);
    Dataset<Row> rows = run.tables().stored("tokenized", ids);
    long count = rows.count();
    run.tables().write(rows.drop("tokens"), run.dataset().documents(), List.of("id"), count);
    run.funnel().done("%,d documents".formatted(count));
    return new Tokenized(rows, count);
  }

  private static Manifest.Counts counts(
      List<FunnelStage> funnel, long documents, SequenceStages.Result packed) {
    FunnelStage first = funnel.get(0);
    long removed = funnel.stream().skip(1).mapToLong(FunnelStage::removed).sum();
    return new Manifest.Counts(
        first.in(),
        first.removed(),
        removed,
        documents,
        packed.heldOut().documents(),
        packed.train().tokens(),
        packed.train().count(),
        packed.train().paddingTokens(),
        packed.splits(),
        packed.heldOut().tokens(),
        packed.heldOut().count(),
        packed.heldOut().paddingTokens());
  }
}
