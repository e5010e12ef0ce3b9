package io.moraine.jobs.cli;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.prepare.DatasetPaths;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Option;

/** The options that {@code prepare} and {@code dedup} have in common. */
final class DocumentOptions {

  @Option(
      names = "--input",
      required = true,
      split = ",",
      paramLabel = "PATH",
      description = "Files or folders, several separated by commas; any Hadoop path.")
  private List<String> input;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; an earlier result there is replaced when this one is whole.")
  private String output;

  @Option(
      names = "--index",
      paramLabel = "DIR",
      description =
          "What was published before: duplicates of it are removed, and what this run publishes is added."
              + " Begun where it is not there.")
  private String index;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/.")
  private Path config;

  @Option(
      names = "--threshold",
      paramLabel = "J",
      description =
          "Jaccard similarity from which a document is a near duplicate; default: near.threshold.")
  private Double threshold;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description = "Field with the text; default: read.text-field.")
  private String textField;

  @Option(
      names = "--id-field",
      paramLabel = "NAME",
      description = "Field with the id; default: read.id-field.")
  private String idField;

  @Option(
      names = "--output-format",
      paramLabel = "FORMAT",
      description =
          "parquet or jsonl (gzip), for documents, removed and quarantine; default: output.format.")
  private String outputFormat;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description = "Tasks that read the input; changes no result. Default: twice the cores.")
  private Integer partitions;

  DatasetPaths paths() {
    return new DatasetPaths(input, output, Optional.ofNullable(index));
  }

  int tasks(SparkSession spark) {
    return partitions != null ? partitions : 2 * spark.sparkContext().defaultParallelism();
  }

  /**
   * The settings with these options over them.
   *
   * @param defaults name of a file of conf/
   * @param options further values by key path; those that are null were not given
   */
  SettingsFile settings(String defaults, Map<String, Object> options) {
    Map<String, Object> all = new TreeMap<>(options);
    all.put("near.threshold", threshold);
    all.put("read.text-field", textField);
    all.put("read.id-field", idField);
    all.put("output.format", outputFormat);
    return SettingsFile.read(defaults, Optional.ofNullable(config), all);
  }
}
