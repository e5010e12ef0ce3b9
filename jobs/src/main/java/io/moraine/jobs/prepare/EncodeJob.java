package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.sum;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Encodes a corpus as it is; texts are not stored again. */
public final class EncodeJob {

  private final SparkSession spark;
  private final PrepareSettings settings;
  private final Progress progress;

  public EncodeJob(SparkSession spark, PrepareSettings settings, Progress progress) {
    this.spark = spark;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Writes documents/ (id, source, url, metadata, n_bytes, n_tokens, tokens), quarantine/, the
   * tokenizer and the manifest.
   *
   * @param inputs Hadoop paths of files and folders
   * @param output the folder to write
   * @param tokenizerFile a tokenizer.json, which is copied, or a rank file
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or empty
   */
  public EncodeManifest run(List<String> inputs, String output, String tokenizerFile, int tasks)
      throws IOException {
    return HeldLeases.during(
        spark, progress, leases -> encode(leases, inputs, output, tokenizerFile, tasks));
  }

  private EncodeManifest encode(
      HeldLeases leases, List<String> inputs, String output, String tokenizerFile, int tasks)
      throws IOException {
    Configuration hadoop = leases.hadoop();
    TokenizerFile given = TokenizerFile.read(hadoop, tokenizerFile, settings.rankFile());
    String json = given.json();
    String key = RunKey.of(hadoop, "encode", settings.digest(), Optional.empty(), inputs, json);
    Publication publication = Publication.take(leases, output);
    CorpusRun run =
        CorpusRun.begin(
            publication, spark, settings.documents(), ResultKind.ENCODED, key, progress);
    Dataset<Row> documents =
        new Reading(run, settings.documents().quarantine())
            .documents(() -> encoded(inputs, given.tokenizer(), tasks))
            .select("id", "source", "url", "metadata", "n_bytes", "n_tokens", "tokens");
    run.funnel().begin("encode");
    run.publication().write(run.dataset().tokenizer(), json);
    run.tables().write(documents, run.dataset().documents(), List.of("id"));
    Row sums =
        documents
            .agg(
                coalesce(sum("n_bytes"), lit(0L)).cast("long"),
                coalesce(sum("n_tokens"), lit(0L)).cast("long"))
            .first();
    run.funnel().done("%,d bytes in %,d tokens".formatted(sums.getLong(0), sums.getLong(1)));
    FunnelStage read = run.funnel().stages().get(0);
    EncodeManifest manifest =
        new EncodeManifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(json),
            given.tokenizer().vocabularySize(),
            read.out(),
            read.removed(),
            run.funnel().passedOver(),
            sums.getLong(0),
            sums.getLong(1),
            settings.rendered());
    run.publication().publish(manifest.rendered());
    return manifest;
  }

  /** The parts with their tokens instead of their texts. */
  private Dataset<Row> encoded(List<String> inputs, Tokenizer tokenizer, int tasks) {
    Dataset<Row> parts = CorpusReader.read(spark, inputs, settings.documents().read(), tasks);
    return Tokenization.withTokens(parts, tokenizer)
        .withColumn("n_bytes", octet_length(col("text")))
        .drop("text");
  }
}
