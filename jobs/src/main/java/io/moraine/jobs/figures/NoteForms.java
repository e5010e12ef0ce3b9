package io.moraine.jobs.figures;

import io.moraine.jobs.config.ConfigException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/** What the paths in a note's forms are of. What is wrong with one is said in one line. */
public final class NoteForms {

  private NoteForms() {}

  /**
   * The dataset that the form {@code dataset} names.
   *
   * @throws ConfigException if there is none
   */
  public static CorpusTables dataset(SparkSession spark, String path) throws IOException {
    return read("form \"dataset\"", () -> CorpusTables.of(spark, whole(spark, path)));
  }

  /**
   * The runs that the form {@code runs} names, separated by commas.
   *
   * @throws ConfigException if one is none
   */
  public static RunTables runs(SparkSession spark, String paths) throws IOException {
    return read(
        "form \"runs\"",
        () -> {
          List<String> whole = new ArrayList<>();
          for (String path : paths.strip().split("\\s*,\\s*", 0)) {
            whole.add(whole(spark, path));
          }
          return RunTables.of(spark, whole);
        });
  }

  /**
   * What the forms {@code first} and {@code second} name.
   *
   * @throws ConfigException if they are not two datasets or two runs
   */
  public static Comparison comparison(SparkSession spark, String first, String second)
      throws IOException {
    return read(
        "forms \"first\" and \"second\"",
        () -> Comparison.of(spark, whole(spark, first), whole(spark, second)));
  }

  /**
   * {@link RunTables#generatedHtml} of what stands in the form {@code prompt}.
   *
   * @throws ConfigException if it is empty, or the first run has no checkpoint or no model of ours
   */
  public static String generated(RunTables runs, String prompt, int tokens) throws IOException {
    if (prompt.isEmpty()) {
      return read(
          "form \"prompt\"",
          () -> {
            throw new ConfigException("it is empty. Put the beginning of a text there.");
          });
    }
    return read("the first run", () -> runs.generatedHtml(prompt, tokens));
  }

  private interface Reading<T> {
    T result() throws IOException;
  }

  private static <T> T read(String form, Reading<T> reading) throws IOException {
    try {
      return reading.result();
    } catch (FileNotFoundException | ConfigException e) {
      ConfigException said = new ConfigException(form + ": " + e.getMessage());
      // A notebook prints it: a person's path is wrong, not a line of ours.
      said.setStackTrace(new StackTraceElement[0]);
      throw said;
    }
  }

  /** With the folder that a relative one is below, which is the interpreter's. */
  private static String whole(SparkSession spark, String path) throws IOException {
    if (path.isBlank()) {
      throw new ConfigException("it is empty. Put a whole path there and run all paragraphs.");
    }
    Path given = new Path(path.strip());
    return given
        .getFileSystem(spark.sparkContext().hadoopConfiguration())
        .makeQualified(given)
        .toString();
  }
}
