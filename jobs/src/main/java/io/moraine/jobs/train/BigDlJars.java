package io.moraine.jobs.train;

import io.moraine.bigdl.BigDl;
import io.moraine.jobs.config.ConfigException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Where BigDL is on this machine.
 *
 * @param folder with BigDL's jars, if it is known
 * @param own jars with a user's modules
 */
public record BigDlJars(Optional<Path> folder, List<Path> own) {

  /** None: for the torch engine. */
  public static final BigDlJars NONE = new BigDlJars(Optional.empty(), List.of());

  public BigDlJars {
    own = List.copyOf(own);
  }

  /**
   * BigDL's class path.
   *
   * @param wanting the setting that needs it, for messages
   * @throws ConfigException if BigDL is not there, or two jars have one name, under which executors
   *     get them
   */
  List<Path> classPath(String wanting) throws IOException {
    if (folder.isEmpty() || !Files.isDirectory(folder.get())) {
      throw new ConfigException(
          "%s needs BigDL's jars, %s. Build Moraine, which puts them into model/bigdl/target/jars, or say --bigdl-jars where they are."
              .formatted(
                  wanting,
                  folder
                      .map(missing -> "and there is no folder " + missing)
                      .orElse("and no folder is given")));
    }
    List<Path> jars = new ArrayList<>(BigDl.jars(folder.get()));
    if (jars.stream().noneMatch(jar -> jar.getFileName().toString().startsWith("bigdl-"))) {
      throw new ConfigException(
          "there is no bigdl-*.jar in %s. Build Moraine, which puts BigDL's jars into model/bigdl/target/jars, or say --bigdl-jars where they are."
              .formatted(folder.get()));
    }
    jars.addAll(own);
    requireDistinctFiles(jars);
    return jars;
  }

  private static void requireDistinctFiles(List<Path> jars) {
    Set<Path> names = new HashSet<>();
    for (Path jar : jars) {
      if (!Files.isRegularFile(jar)) {
        throw new ConfigException("--module-jars: there is no file %s.".formatted(jar));
      }
      if (!names.add(jar.getFileName())) {
        throw new ConfigException(
            "--module-jars: two jars have the name %s, by which executors know them. Rename one."
                .formatted(jar.getFileName()));
      }
    }
  }
}
