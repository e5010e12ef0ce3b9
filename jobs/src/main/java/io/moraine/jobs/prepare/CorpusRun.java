package io.moraine.jobs.prepare;

import io.moraine.jobs.config.DocumentSettings;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import org.apache.spark.sql.SparkSession;

/**
 * One run that reads a corpus and writes a folder, begun or gone on with.
 *
 * @param publication the way from the staged folder to the published one
 * @param dataset the staged folder
 * @param tables its tables
 * @param funnel what the stages did
 */
record CorpusRun(
    Publication publication, PreparedDataset dataset, DatasetTables tables, Funnel funnel) {

  /**
   * Begins a run, or goes on with an interrupted one of the same key.
   *
   * @param publication of the output, whose lease is taken
   * @param kind of what it writes
   */
  static CorpusRun begin(
      Publication publication,
      SparkSession spark,
      DocumentSettings settings,
      ResultKind kind,
      String key,
      Progress progress)
      throws IOException {
    publication.begin(kind, key);
    Funnel funnel = new Funnel(spark, progress);
    if (publication.resumes()) {
      funnel.say("going on with the stages that an interrupted run finished.");
    }
    PreparedDataset dataset = publication.staging();
    DatasetTables tables = new DatasetTables(spark, dataset, settings.outputFormat());
    return new CorpusRun(publication, dataset, tables, funnel);
  }
}
