package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Path;

/**
 * A model's folder, written on its lease's desk and moved to its name when it is whole. On a local
 * file system it has no files of Hadoop's checksums, which other programs do not expect.
 */
public final class ModelFolder {

  /** Name of the draft on the desk. */
  static final String STAGING = "staging";

  private final Desk desk;
  private final FileSystem files;
  private final Path target;
  private final Path staging;
  private final boolean isReplaceable;

  private ModelFolder(Desk desk, FileSystem files, Path target, boolean isReplaceable) {
    this.desk = desk;
    this.files = files;
    this.target = target;
    this.staging = new Path(desk.drafts(), STAGING);
    this.isReplaceable = isReplaceable;
  }

  /**
   * Takes the lease of a folder and opens an empty place to write to. A model that was put aside
   * when its successor was killed is back in its place then.
   *
   * @param option that named the folder, for the message
   * @param replaced file that a folder must have to be replaced; none is if this is empty
   * @throws ConfigException if something else is there
   * @throws TryLaterException if another process writes it
   */
  static ModelFolder begin(HeldLeases leases, String option, String output, String replaced)
      throws IOException {
    Path named = new Path(output);
    FileSystem files = plain(named.getFileSystem(leases.hadoop()));
    Path target = files.makeQualified(named);
    Desk desk = leases.replacing(output, option);
    desk.restore(STAGING, target);
    ModelFolder folder = new ModelFolder(desk, files, target, !replaced.isEmpty());
    boolean isModel = !replaced.isEmpty() && files.exists(new Path(target, replaced));
    if (!isModel && folder.isTaken()) {
      throw new ConfigException(
          "%s %s exists%s. Name another folder or remove it."
              .formatted(
                  option,
                  output,
                  replaced.isEmpty() ? "" : " and is no model, it has no " + replaced));
    }
    desk.deleteEarlier();
    return folder;
  }

  /** Whether anything is there. */
  private boolean isTaken() throws IOException {
    return files.exists(target)
        && (files.getFileStatus(target).isFile() || files.listStatus(target).length > 0);
  }

  private static FileSystem plain(FileSystem files) {
    return files instanceof LocalFileSystem local ? local.getRawFileSystem() : files;
  }

  /** Where the files are written. */
  Storage storage() {
    return new HadoopStorage(files, staging);
  }

  /** Writes a small file. */
  void write(String file, String text) throws IOException {
    storage().write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Gives the folder its name.
   *
   * @throws TryLaterException if nothing may be replaced, and another process has made something
   *     there meanwhile
   */
  void publish() throws IOException {
    if (!isReplaceable && isTaken()) {
      throw new TryLaterException(
          "%s has been made by another process meanwhile, and stays. Name another folder."
              .formatted(target));
    }
    desk.publish(staging, target);
  }

  /** Removes what was written. */
  void discard() throws IOException {
    files.delete(staging, true);
  }
}
