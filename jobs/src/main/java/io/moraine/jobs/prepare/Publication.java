package io.moraine.jobs.prepare;

import io.moraine.jobs.config.ConfigException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes a dataset beside its final name and moves it there when it is whole, so that a job killed
 * midway leaves the previous dataset as it was.
 */
final class Publication {

  private final FileSystem files;
  private final Path target;
  private final Path staging;

  private Publication(FileSystem files, Path target) {
    this.files = files;
    this.target = target;
    this.staging = new Path(target.getParent(), "." + target.getName() + ".preparing");
  }

  /**
   * Opens an empty place to write to; what an earlier, interrupted run left there is deleted.
   *
   * @throws ConfigException if the target exists and is not a prepared dataset
   */
  static Publication begin(Configuration hadoop, String output) throws IOException {
    Path path = new Path(output);
    FileSystem files = path.getFileSystem(hadoop);
    Publication publication = new Publication(files, files.makeQualified(path));
    publication.requireReplaceable();
    files.delete(publication.staging, true);
    files.mkdirs(publication.staging);
    return publication;
  }

  PreparedDataset staging() {
    return new PreparedDataset(staging);
  }

  /** Writes a small file into the staged dataset. */
  void write(String name, String text) throws IOException {
    try (OutputStream out = files.create(new Path(name), true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
  }

  /** Writes the manifest as the last file and gives the dataset its name. */
  void publish(String manifest) throws IOException {
    files.delete(new Path(staging().work("")), true);
    write(new Path(staging, PreparedDataset.MANIFEST).toString(), manifest);
    Path previous = new Path(target.getParent(), "." + target.getName() + ".previous");
    files.delete(previous, true);
    if (files.exists(target) && !files.rename(target, previous)) {
      throw new IOException("cannot move the previous dataset %s aside.".formatted(target));
    }
    if (!files.rename(staging, target)) {
      throw new IOException("cannot move %s to %s.".formatted(staging, target));
    }
    files.delete(previous, true);
  }

  private void requireReplaceable() throws IOException {
    if (!files.exists(target)) {
      return;
    }
    FileStatus status = files.getFileStatus(target);
    boolean empty = status.isDirectory() && files.listStatus(target).length == 0;
    if (!empty && !files.exists(new Path(target, PreparedDataset.MANIFEST))) {
      throw new ConfigException(
          "--output %s exists and is not a prepared dataset (no %s). Name another folder or remove it."
              .formatted(target, PreparedDataset.MANIFEST));
    }
  }
}
