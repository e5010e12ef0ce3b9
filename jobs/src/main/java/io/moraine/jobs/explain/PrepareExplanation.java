package io.moraine.jobs.explain;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.DatasetPaths;
import io.moraine.jobs.prepare.PrepareJob;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * Explains {@code prepare}: runs it, for a stage's plan follows from what the one before it found,
 * and asks RAPIDS about every query that Spark planned meanwhile.
 *
 * @cost that of {@code prepare} on this input, and milliseconds per query
 */
public final class PrepareExplanation {

  private final SparkSession spark;
  private final Rapids rapids;
  private final PrepareSettings settings;
  private final Progress progress;

  public PrepareExplanation(
      SparkSession spark, Rapids rapids, PrepareSettings settings, Progress progress) {
    this.spark = spark;
    this.rapids = rapids;
    this.settings = settings;
    this.progress = progress;
  }

  /**
   * The queries of all stages, in order.
   *
   * @param inputs Hadoop paths of files and folders
   * @param tasks how many tasks read the input
   * @param work a folder that is not there; holds the dataset meanwhile, gone when this returns or
   *     the process is ended
   * @throws ConfigException if RAPIDS does not know this version of Spark
   */
  public List<ExplainedQuery> of(List<String> inputs, int tasks, Path work) throws IOException {
    FileSystem files = work.getFileSystem(spark.sparkContext().hadoopConfiguration());
    rapids.requireKnown(spark);
    files.mkdirs(work);
    files.deleteOnExit(work);
    try {
      DatasetPaths paths = new DatasetPaths(inputs, new Path(work, "data").toString());
      List<PlannedQuery> queries =
          PlanRecorder.during(
              spark,
              () -> new PrepareJob(spark, settings, progress).run(paths, Optional.empty(), tasks));
      return queries.stream()
          .map(query -> ExplainedQuery.of(query, rapids.explain(spark, query.plan())))
          .toList();
    } finally {
      files.delete(work, true);
    }
  }
}
