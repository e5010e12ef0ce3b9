package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.octet_length;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.spark.CorpusReader;
import io.moraine.pipeline.spark.Tokenization;
import io.moraine.pipeline.spark.TokenizerTraining.Trained;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.types.DataTypes;

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
   * @throws CorpusException if the input is missing or holds no document
   */
  public TokenizerManifest run(List<String> inputs, String output, int tasks) throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    String key = RunKey.of(hadoop, "tokenizer", settings.digest(), Optional.empty(), inputs, "");
    Publication publication = Publication.begin(hadoop, output, key);
    PreparedDataset dataset = publication.staging();
    DatasetTables tables = new DatasetTables(spark, dataset, settings.documents().outputFormat());
    Funnel funnel = new Funnel(spark, progress);
    Dataset<Row> documents =
        new Reading(settings.documents().quarantine(), dataset, tables, funnel)
            .documents(() -> CorpusReader.read(spark, inputs, settings.documents().read(), tasks))
            .select("id", "text")
            .withColumn(
                "held_out",
                udf((UDF1<String, Boolean>) settings.heldOut()::contains, DataTypes.BooleanType)
                    .apply(col("id")));
    if (documents.isEmpty()) {
      throw new CorpusException("the input holds no document to train a tokenizer on.");
    }
    Trained trained =
        new TokenizerStage(tables, funnel, progress)
            .trained(documents.where(col("held_out").equalTo(false)), settings.tokenizer());
    String json = TokenizerJson.write(trained.tokenizer());
    publication.write(new Path(dataset.root(), "tokenizer.json").toString(), json);
    funnel.begin("measure");
    Row measured =
        Tokenization.withTokens(documents.where("held_out"), trained.tokenizer())
            .agg(
                coalesce(sum(octet_length(col("text"))), lit(0L)).cast("long"),
                coalesce(sum("n_tokens"), lit(0L)).cast("long"))
            .first();
    funnel.done("%,d bytes in %,d tokens".formatted(measured.getLong(0), measured.getLong(1)));
    TokenizerManifest manifest =
        new TokenizerManifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            TokenizerJson.digest(json),
            trained.tokenizer().vocabularySize(),
            funnel.stages().get(0).out(),
            funnel.stages().get(0).removed(),
            trained.pieces(),
            trained.rarePieces(),
            trained.rareOccurrences(),
            measured.getLong(0),
            measured.getLong(1),
            settings.rendered());
    publication.publish(manifest.rendered());
    return manifest;
  }
}
