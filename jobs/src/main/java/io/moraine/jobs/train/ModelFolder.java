package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.WholeFiles;
import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A folder that is written beside its name and gets that when it is whole. On a local file system
 * it has no files of Hadoop's checksums, which other programs do not expect.
 */
final class ModelFolder {

  private final FileSystem files;
  private final Path target;
  private final Path staging;

  private ModelFolder(FileSystem files, Path target) {
    this.files = files;
    this.target = target;
    this.staging = new Path(target.getParent(), "." + target.getName() + ".unfinished");
  }

  /**
   * Opens an empty place to write to.
   *
   * @param option that named the folder, for the message
   * @param replaced file that a folder must have to be replaced; none is if this is empty
   * @throws ConfigException if something else is there
   */
  static ModelFolder begin(Configuration hadoop, String option, Path target, String replaced)
      throws IOException {
    FileSystem found = target.getFileSystem(hadoop);
    FileSystem files = found instanceof LocalFileSystem local ? local.getRawFileSystem() : found;
    ModelFolder folder = new ModelFolder(files, files.makeQualified(target));
    boolean replaceable = !replaced.isEmpty() && files.exists(new Path(target, replaced));
    if (files.exists(target)
        && !replaceable
        && (files.getFileStatus(target).isFile() || files.listStatus(target).length > 0)) {
      throw new ConfigException(
          "%s %s exists%s. Name another folder or remove it."
              .formatted(
                  option,
                  target,
                  replaced.isEmpty() ? "" : " and is no model, it has no " + replaced));
    }
    files.delete(folder.staging, true);
    files.mkdirs(folder.staging);
    return folder;
  }

  /** Where the files are written. */
  Storage storage() {
    return new HadoopStorage(files, staging);
  }

  /** Writes a small file. */
  void write(String file, String text) throws IOException {
    storage().write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /** Gives the folder its name. */
  void publish() throws IOException {
    Path aside = new Path(target.getParent(), "." + target.getName() + ".previous");
    WholeFiles.of(files).replaceFolder(staging, target, aside);
  }

  /** Removes what was written. */
  void discard() throws IOException {
    files.delete(staging, true);
  }
}
