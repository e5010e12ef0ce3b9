package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.SettingsFile;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Option;

/** What a command reads, and by which settings. */
final class InputOptions {

  @Option(
      names = "--input",
      required = true,
      split = ",",
      paramLabel = "PATH",
      description = "Files or folders, several separated by commas; any Hadoop path.")
  private List<String> input;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/.")
  private Path config;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description = "Field with the text; default: read.text-field.")
  private String textField;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description =
          "Tasks that read the input; changes no result. Default: twice the cores, on a cluster 200 at least.")
  private Integer partitions;

  List<String> input() {
    return input;
  }

  int tasks(SparkSession spark) {
    return partitions != null ? partitions : SparkOptions.partitions(spark.sparkContext());
  }

  /**
   * The settings with these options over them.
   *
   * @param defaults name of a file of conf/
   * @param options further values by key path; those that are null were not given
   * @throws ConfigException if an option or a setting cannot be
   */
  SettingsFile settings(String defaults, Map<String, Object> options) {
    if (partitions != null && partitions < 1) {
      throw new ConfigException("--partitions must be at least 1, got %d.".formatted(partitions));
    }
    Map<String, Object> all = new TreeMap<>(options);
    all.put("read.text-field", textField);
    return SettingsFile.read(defaults, Optional.ofNullable(config), all);
  }
}
