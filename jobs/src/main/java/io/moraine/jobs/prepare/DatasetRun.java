package io.moraine.jobs.prepare;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.DocumentSettings;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.progress.Progress;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.lsh.NearConfig.SurvivorPolicy;
import io.moraine.pipeline.spark.EvaluationSets;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * One run that writes a dataset, begun or gone on with.
 *
 * @param corpus the folder and its tables
 * @param stages the stages up to the surviving documents
 * @param index which the run extends
 * @param sharesIndex whether it is also that of other runs, else the dataset's own
 */
record DatasetRun(
    CorpusRun corpus, DocumentStages stages, DocumentIndex index, boolean sharesIndex) {

  PreparedDataset dataset() {
    return corpus.dataset();
  }

  DatasetTables tables() {
    return corpus.tables();
  }

  Funnel funnel() {
    return corpus.funnel();
  }

  Publication publication() {
    return corpus.publication();
  }

  /**
   * Writes the summary, extends the index, and gives the dataset its name.
   *
   * @param summary of the stages up to the surviving documents
   * @param more lines at the summary's end; none, or those of a section
   */
  void publish(String manifest, List<String> summary, List<String> more) throws IOException {
    List<String> lines = new ArrayList<>(summary);
    if (!more.isEmpty()) {
      lines.add("");
      lines.addAll(more);
    }
    String page = String.join("\n", lines) + "\n";
    publication().write(dataset().report("summary.txt"), page);
    if (sharesIndex) {
      index.announce(publication(), manifest);
    }
    index.extend();
    publication().publish(manifest);
    if (sharesIndex) {
      index.confirm();
    }
  }

  /**
   * Begins a run, or goes on with an interrupted one.
   *
   * @param leases to which those of the output and of the index are added
   * @param kind of what it writes
   * @param key of the run's settings and input, see {@link RunKey}
   */
  static DatasetRun begin(
      HeldLeases leases,
      SparkSession spark,
      DocumentSettings settings,
      ResultKind kind,
      DatasetPaths paths,
      String key,
      Progress progress)
      throws IOException {
    Configuration hadoop = leases.hadoop();
    Optional<EvaluationIndex> evaluation =
        settings.decontamination().map(config -> EvaluationSets.index(hadoop, config));
    int shingleWords = settings.near().shingleWords();
    DocumentIndex index;
    Publication publication;
    CorpusRun corpus;
    if (paths.index().isPresent()) {
      if (settings.near().policy() == SurvivorPolicy.CLOSURE) {
        throw new ConfigException(
            "near.survivors must be verified with --index, got closure: a new document may join two published ones.");
      }
      String folder = paths.index().get();
      requireOutside(hadoop, folder, paths.output());
      Desk desk = leases.extending(folder, "--index");
      index = DocumentIndex.open(hadoop, desk, folder, shingleWords, key);
      desk.deleteEarlier();
      publication = Publication.take(leases, paths.output());
      requireNothingTakenBack(index, publication, paths.output());
      String behind = RunKey.after(index, key);
      corpus = CorpusRun.begin(publication, spark, settings, kind, behind, progress);
    } else {
      publication = Publication.take(leases, paths.output());
      corpus = CorpusRun.begin(publication, spark, settings, kind, key, progress);
      String folder = corpus.dataset().index();
      index = DocumentIndex.open(hadoop, publication.desk(), folder, shingleWords, key);
    }
    DocumentStages stages = new DocumentStages(spark, settings, corpus, index, evaluation);
    return new DatasetRun(corpus, stages, index, paths.index().isPresent());
  }

  /** What is below the output is gone when the dataset gets its name. */
  private static void requireOutside(Configuration hadoop, String index, String output)
      throws IOException {
    Path replaced = qualified(hadoop, output);
    for (Path at = qualified(hadoop, index); at != null; at = at.getParent()) {
      if (at.equals(replaced)) {
        throw new ConfigException(
            "--index %s must not be in --output %s, which is replaced as a whole. Name another folder."
                .formatted(index, output));
      }
    }
  }

  /** With other settings or input all that was published is a duplicate of itself. */
  private static void requireNothingTakenBack(
      DocumentIndex index, Publication publication, String output) throws IOException {
    if (index.isNewIncrement() && publication.isThere()) {
      throw new ConfigException(
          "--output %s is there already, and this is no run of it repeated (other settings, input or index): with --index what was published stays. Name another folder."
              .formatted(output));
    }
  }

  private static Path qualified(Configuration hadoop, String folder) throws IOException {
    Path path = new Path(folder);
    return path.getFileSystem(hadoop).makeQualified(path);
  }
}
