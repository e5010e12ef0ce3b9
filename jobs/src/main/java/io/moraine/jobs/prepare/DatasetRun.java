package io.moraine.jobs.prepare;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.DocumentSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.spark.EvaluationSets;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;

/**
 * One run that writes a dataset, begun or gone on with.
 *
 * @param publication the way from the staged dataset to the published one
 * @param dataset the staged one
 * @param tables its tables
 * @param funnel what the stages did
 * @param stages the stages up to the surviving documents
 */
record DatasetRun(
    Publication publication,
    PreparedDataset dataset,
    DatasetTables tables,
    Funnel funnel,
    DocumentStages stages) {

  /** Writes the summary and gives the dataset its name. */
  void publish(String manifest) throws IOException {
    String page = String.join("\n", stages.summary()) + "\n";
    publication.write(dataset.report("summary.txt"), page);
    publication.publish(manifest);
  }

  /**
   * Begins a run, or goes on with an interrupted one.
   *
   * @param key of the run's settings and input, see {@link RunKey}
   */
  static DatasetRun begin(
      SparkSession spark,
      DocumentSettings settings,
      DatasetPaths paths,
      String key,
      Progress progress)
      throws IOException {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    Optional<EvaluationIndex> evaluation =
        settings.decontamination().map(config -> EvaluationSets.index(hadoop, config));
    int shingleWords = settings.near().shingleWords();
    Publication publication;
    DocumentIndex index;
    if (paths.index().isPresent()) {
      if (settings.near().policy() == SurvivorPolicy.CLOSURE) {
        throw new ConfigException(
            "near.survivors must be verified with --index, got closure: a new document may join two published ones.");
      }
      index = DocumentIndex.open(hadoop, paths.index().get(), shingleWords, key);
      publication = Publication.begin(hadoop, paths.output(), RunKey.after(index, key));
    } else {
      publication = Publication.begin(hadoop, paths.output(), key);
      index = DocumentIndex.open(hadoop, publication.staging().index(), shingleWords, key);
    }
    Funnel funnel = new Funnel(spark, progress);
    if (publication.resumes()) {
      funnel.say("going on with the stages that an interrupted run finished.");
    }
    PreparedDataset dataset = publication.staging();
    DatasetTables tables = new DatasetTables(spark, dataset, settings.outputFormat());
    DocumentStages stages =
        new DocumentStages(spark, settings, dataset, tables, index, evaluation, funnel);
    return new DatasetRun(publication, dataset, tables, funnel, stages);
  }
}
