package io.moraine.jobs.prepare;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.lease.LeaseLostException;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.lease.WholeFiles;
import java.io.IOException;
import java.util.Optional;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes a folder on the desk of its lease and moves it to its name when it is whole, so that a job
 * killed midway leaves the previous one as it was. What it had finished stays there for the next
 * job with the same settings, input and index.
 */
final class Publication {

  private static final String STAGING = "staging";
  private static final String KEY = "run.key";

  private final Desk desk;
  private final FileSystem files;
  private final Path target;
  private final Path staging;
  private boolean resumes;

  private Publication(Desk desk, FileSystem files, Path target) {
    this.desk = desk;
    this.files = files;
    this.target = target;
    this.staging = new Path(desk.drafts(), STAGING);
  }

  /**
   * Takes the lease of the folder.
   *
   * @throws TryLaterException if another process writes it
   */
  static Publication take(HeldLeases leases, String output) throws IOException {
    Path path = new Path(output);
    FileSystem files = path.getFileSystem(leases.hadoop());
    Path target = files.makeQualified(path);
    Desk desk = leases.replacing(output, "--output");
    desk.restore(STAGING, target);
    return new Publication(desk, files, target);
  }

  /** Whether there is an earlier result, or anything else. */
  boolean isThere() throws IOException {
    return files.exists(target);
  }

  /**
   * Opens the place to write to: with the finished stages of an interrupted job if that had the
   * same key, empty otherwise.
   *
   * @param kind of what is written, which replaces only its like, whole or damaged
   * @param key of everything that the result follows from
   * @throws ConfigException if the target exists and is no earlier result of that kind
   */
  void begin(ResultKind kind, String key) throws IOException {
    requireReplaceable(kind);
    for (Path earlier : desk.earlierDrafts(STAGING)) {
      takeWorkBack(earlier);
      String itsKey = new PreparedDataset(earlier).work(KEY);
      if (!resumes && read(itsKey).equals(Optional.of(key))) {
        WholeFiles.of(files).rename(earlier, staging);
        resumes = true;
      }
    }
    desk.deleteEarlier();
    if (!resumes) {
      files.mkdirs(staging);
      write(staging().work(KEY), key);
    }
  }

  /** Into a draft that a job could not give its name, and stages that it had put beside it. */
  private void takeWorkBack(Path draft) throws IOException {
    Path work = new Path(new PreparedDataset(draft).work(""));
    Path beside = new Path(draft.getParent(), work.getName());
    if (files.exists(beside)) {
      WholeFiles.of(files).rename(beside, work);
    }
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

  /**
   * Writes the manifest as the last file and gives the dataset its name.
   *
   * @throws LeaseLostException if another process has taken the lease; nothing is published then
   */
  void publish(String manifest) throws IOException {
    requireIndexOfItsOwn();
    write(new Path(staging, PreparedDataset.MANIFEST).toString(), manifest);
    Path dataset = desk.secured(staging);
    Path work = new Path(new PreparedDataset(dataset).work(""));
    WholeFiles.of(files).rename(work, new Path(dataset.getParent(), work.getName()));
    desk.publish(dataset, target);
  }

  /** Where it will be. */
  Path target() {
    return target;
  }

  /** Through which it and what belongs to it are written. */
  Desk desk() {
    return desk;
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
    requireIndexOfItsOwn();
  }

  private void requireIndexOfItsOwn() throws IOException {
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
