package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.SettingsFile;
import java.util.List;
import java.util.Map;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Option;

/** The options of all commands that turn a corpus into something else. */
final class CorpusOptions {

  @Mixin private InputOptions input;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; an earlier result there is replaced when this one is whole.")
  private String output;

  List<String> input() {
    return input.input();
  }

  String output() {
    return output;
  }

  int tasks(SparkSession spark) {
    return input.tasks(spark);
  }

  /**
   * As {@link InputOptions#settings}.
   *
   * @throws ConfigException if an option or a setting cannot be
   */
  SettingsFile settings(String defaults, Map<String, Object> options) {
    return input.settings(defaults, options);
  }
}
