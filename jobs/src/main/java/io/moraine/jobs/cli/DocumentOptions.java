package io.moraine.jobs.cli;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.prepare.DatasetPaths;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options that {@code prepare} and {@code dedup} have in common. */
final class DocumentOptions {

  @Mixin private CorpusOptions corpus;

  @Option(
      names = "--index",
      paramLabel = "DIR",
      description =
          "What was published before: duplicates of it are removed, and what this run publishes is added."
              + " Begun where it is not there.")
  private String index;

  @Option(
      names = "--threshold",
      paramLabel = "J",
      description =
          "Jaccard similarity from which a document is a near duplicate; default: near.threshold.")
  private Double threshold;

  @Option(
      names = "--id-field",
      paramLabel = "NAME",
      description = "Field with the id; default: read.id-field.")
  private String idField;

  @Option(
      names = "--output-format",
      paramLabel = "FORMAT",
      description =
          "parquet or jsonl (gzip), for all tables but sequences and index; default: output.format.")
  private String outputFormat;

  DatasetPaths paths() {
    return new DatasetPaths(corpus.input(), corpus.output(), Optional.ofNullable(index));
  }

  int tasks(SparkSession spark) {
    return corpus.tasks(spark);
  }

  /** As {@link CorpusOptions#settings}, with these options over them too. */
  SettingsFile settings(String defaults, Map<String, Object> options) {
    Map<String, Object> all = new TreeMap<>(options);
    all.put("near.threshold", threshold);
    all.put("read.id-field", idField);
    all.put("output.format", outputFormat);
    return corpus.settings(defaults, all);
  }
}
