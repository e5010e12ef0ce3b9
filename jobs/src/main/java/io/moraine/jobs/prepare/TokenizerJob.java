package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.sum;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.DocumentSettings;
import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.spark.TokenizerTraining.Trained;
import io.moraine.pipeline.spark.TrainingDocuments;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Trains a tokenizer on a corpus as it is, and measures it on documents kept aside. */
public final class TokenizerJob {

  private final SparkSession spark;
  private final PrepareSettings settings;
  private final Progress progress;

  public TokenizerJob(SparkSession spark, PrepareSettings settings, Progress progress) {
    this.spark = spark;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Writes tokenizer.json, quarantine/ and the manifest.
   *
   * @param inputs Hadoop paths of files and folders
   * @param output the folder to write
   * @param tasks how many tasks read the input; changes no result
   * @throws ConfigException if the settings describe a rank file
   * @throws CorpusException if the input is missing or holds no document
   */
  public TokenizerManifest run(List<String> inputs, String output, int tasks) throws IOException {
    TokenizerFile.requireNone(settings.rankFile());
    return HeldLeases.during(spark, progress, leases -> train(leases, inputs, output, tasks));
  }

  private TokenizerManifest train(HeldLeases leases, List<String> inputs, String output, int tasks)
      throws IOException {
    DocumentSettings reading = settings.documents();
    String key =
        RunKey.of(
            spark.sparkContext().hadoopConfiguration(),
            "tokenizer",
            settings.digest(),
            Optional.empty(),
            inputs,
            "");
    Publication publication = Publication.take(leases, output);
    CorpusRun run =
        CorpusRun.begin(publication, spark, reading, ResultKind.TOKENIZER, key, progress);
    Dataset<Row> documents =
        new Reading(run, reading.quarantine())
            .documents(() -> CorpusReader.read(spark, inputs, reading.read(), tasks))
            .select("id", "text")
            .withColumn("held_out", TrainingDocuments.isHeldOut(settings.heldOut()));
    if (documents.isEmpty()) {
      throw new CorpusException("the input holds no document to train a tokenizer on.");
    }
    Trained trained =
        new TokenizerStage(run.tables(), run.funnel(), progress)
            .trained(documents.where(col("held_out").equalTo(false)), settings.tokenizer());
    String json = TokenizerJson.write(trained.tokenizer());
    run.publication().write(new Path(run.dataset().root(), "tokenizer.json").toString(), json);
    Row heldOut = measured(run.funnel(), documents.where("held_out"), trained.tokenizer());
    FunnelStage read = run.funnel().stages().get(0);
    TokenizerManifest manifest =
        new TokenizerManifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(json),
            trained.tokenizer().vocabularySize(),
            read.out(),
            read.removed(),
            run.funnel().passedOver(),
            trained.pieces(),
            trained.rarePieces(),
            trained.rareOccurrences(),
            heldOut.getLong(0),
            heldOut.getLong(1),
            settings.rendered());
    run.publication().publish(manifest.rendered());
    return manifest;
  }

  /** UTF-8 bytes of documents, and their tokens. */
  private static Row measured(Funnel funnel, Dataset<Row> documents, Tokenizer tokenizer) {
    funnel.begin("measure");
    Row sums =
        Tokenization.withTokens(documents, tokenizer)
            .agg(
                coalesce(sum(octet_length(col("text"))), lit(0L)).cast("long"),
                coalesce(sum("n_tokens"), lit(0L)).cast("long"))
            .first();
    funnel.done("%,d bytes in %,d tokens".formatted(sums.getLong(0), sums.getLong(1)));
    return sums;
  }
}
