package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.WholeFiles;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes a folder beside its final name and moves it there when it is whole, so that a job killed
 * midway leaves the previous one as it was. What it had finished stays beside it for the next job
 * with the same settings, input and index.
 */
public final class Publication {

  private static final String KEY = "run.key";

  private final FileSystem files;
  private final Path target;
  private final Path staging;
  private boolean resumes;

  private Publication(FileSystem files, Path target) {
    this.files = files;
    this.target = target;
    this.staging = new Path(target.getParent(), "." + target.getName() + ".preparing");
  }

  /**
   * Opens the place to write to: with the finished stages of an interrupted job if that had the
   * same key, empty otherwise.
   *
   * @param kind of what is written, which replaces only its like, whole or damaged
   * @param key of everything that the result follows from
   * @throws ConfigException if the target exists and is no earlier result of that kind
   */
  static Publication begin(Configuration hadoop, ResultKind kind, String output, String key)
      throws IOException {
    Path path = new Path(output);
    FileSystem files = path.getFileSystem(hadoop);
    Publication publication = new Publication(files, files.makeQualified(path));
    publication.requireReplaceable(kind);
    String keyFile = publication.staging().work(KEY);
    publication.resumes = publication.read(keyFile).equals(Optional.of(key));
    if (!publication.resumes) {
      files.delete(publication.staging, true);
      files.mkdirs(publication.staging);
      publication.write(keyFile, key);
    }
    return publication;
  }

  /** Whether an interrupted job left finished stages. */
  boolean resumes() {
    return resumes;
  }

  PreparedDataset staging() {
    return new PreparedDataset(staging);
  }

  /** Writes a small file into the staged dataset; whole or not at all. */
  void write(String name, String text) throws IOException {
    WholeFiles.of(files).write(new Path(name), text);
  }

  /** The text of a small file of the staged dataset; empty if it is not there. */
  Optional<String> read(String name) throws IOException {
    return WholeFiles.of(files).text(new Path(name));
  }

  /** Writes the manifest as the last file and gives the dataset its name. */
  void publish(String manifest) throws IOException {
    files.delete(new Path(staging().work("")), true);
    write(new Path(staging, PreparedDataset.MANIFEST).toString(), manifest);
    replace(files, staging, target);
  }

  /** Gives a folder the name of another, which is there until this one is. */
  public static void replace(FileSystem files, Path staging, Path target) throws IOException {
    Path previous = new Path(target.getParent(), "." + target.getName() + ".previous");
    files.delete(previous, true);
    if (files.exists(target) && !files.rename(target, previous)) {
      throw new IOException("cannot move the previous folder %s aside.".formatted(target));
    }
    if (!files.rename(staging, target)) {
      throw new IOException("cannot move %s to %s.".formatted(staging, target));
    }
    files.delete(previous, true);
  }

  private void requireReplaceable(ResultKind kind) throws IOException {
    if (!files.exists(target)) {
      return;
    }
    FileStatus status = files.getFileStatus(target);
    boolean empty = status.isDirectory() && files.listStatus(target).length == 0;
    if (!empty && !files.exists(new Path(target, PreparedDataset.MANIFEST))) {
      throw new ConfigException(
          "--output %s exists and is not %s (no %s). Name another folder or remove it."
              .formatted(target, kind.words(), PreparedDataset.MANIFEST));
    }
    Optional<JsonNode> manifest = manifestThere();
    if (manifest.isPresent() && !ResultKind.of(manifest.get()).equals(Optional.of(kind))) {
      throw new ConfigException(
          "--output %s holds %s, which %s would replace. Name another folder or remove it."
              .formatted(
                  target,
                  ResultKind.of(manifest.get()).map(ResultKind::words).orElse("something else"),
                  kind.words()));
    }
    if (DocumentIndex.increments(files, new Path(new PreparedDataset(target).index())) > 1) {
      throw new ConfigException(
          "--output %s has an index that later runs extended with --index; replacing it would lose what they know. Name another folder."
              .formatted(target));
    }
  }

  /** Empty if nothing is there, or it is damaged: that is written again. */
  private Optional<JsonNode> manifestThere() throws IOException {
    Optional<String> manifest =
        WholeFiles.of(files).text(new Path(target, PreparedDataset.MANIFEST));
    try {
      return manifest.isPresent()
          ? Optional.of(new JsonMapper().readTree(manifest.get()))
          : Optional.empty();
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }
}
