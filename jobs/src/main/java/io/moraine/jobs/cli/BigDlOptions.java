package io.moraine.jobs.cli;

import io.moraine.jobs.train.BigDlJars;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import picocli.CommandLine.Option;

/** Where BigDL is, for commands that open it. */
final class BigDlOptions {

  @Option(
      names = "--bigdl-jars",
      paramLabel = "DIR",
      description = "BigDL's jars, for its engine; default: model/bigdl/target/jars of Moraine.")
  private Path folder;

  @Option(
      names = "--module-jars",
      paramLabel = "JAR",
      split = ",",
      description = "Jars with the classes of a BigDL module of your own.")
  private List<Path> own = List.of();

  BigDlJars jars() {
    String home = System.getProperty("moraine.home", "");
    if (folder != null || home.isEmpty()) {
      return new BigDlJars(Optional.ofNullable(folder), own);
    }
    return new BigDlJars(Optional.of(Path.of(home, "model", "bigdl", "target", "jars")), own);
  }
}
