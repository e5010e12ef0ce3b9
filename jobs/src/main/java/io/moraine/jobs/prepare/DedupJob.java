package io.moraine.jobs.prepare;

import io.moraine.jobs.config.DedupSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.document.CorpusException;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Exact and near deduplication alone: texts leave as they came. */
public final class DedupJob {

  private final SparkSession spark;
  private final Configuration hadoop;
  private final DedupSettings settings;
  private final Progress progress;

  public DedupJob(SparkSession spark, DedupSettings settings, Progress progress) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * Writes documents/, removed/, quarantine/, index/ and the manifest.
   *
   * @param inputs Hadoop paths of files and folders
   * @param output the folder to write
   * @param tasks how many tasks read the input; changes no result
   * @throws CorpusException if the input is missing or holds no document
   */
  public DedupManifest run(List<String> inputs, String output, int tasks) throws IOException {
    Publication publication = Publication.begin(hadoop, output);
    PreparedDataset dataset = publication.staging();
    DatasetTables tables = new DatasetTables(spark, dataset, settings.documents().outputFormat());
    DocumentStages stages =
        new DocumentStages(spark, settings.documents(), dataset, tables, progress);
    Dataset<Row> survivors = stages.survivors(inputs, tasks);
    tables.write(survivors, dataset.documents(), List.of("id"));
    DedupManifest manifest =
        new DedupManifest(
            Manifest.FORMAT_VERSION,
            settings.digest(),
            stages.funnel(),
            stages.funnel().get(stages.funnel().size() - 1).out(),
            settings.rendered());
    publication.publish(manifest.rendered());
    return manifest;
  }
}
