package io.moraine.jobs.lease;

import io.moraine.model.checkpoint.Storage;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/**
 * Writes into a leased folder, by way of a place on the {@link Desk} of the lease's holder: as long
 * as that is there.
 */
public final class LeasedWriter {

  private final Configuration hadoop;
  private final WholeFiles files;
  private final Path root;
  private final Path place;

  /**
   * Writes nothing yet.
   *
   * @param root the folder
   * @param place for drafts, which is there; ranks share one
   */
  public LeasedWriter(Configuration hadoop, Path root, Path place) throws IOException {
    this.hadoop = hadoop;
    this.files = WholeFiles.of(hadoop, root);
    this.root = root;
    this.place = place;
  }

  /** Writes as the lease's holder itself. */
  public static LeasedWriter holder(Configuration hadoop, Path root, Desk desk) throws IOException {
    return new LeasedWriter(hadoop, root, desk.drafts());
  }

  /** Settings of the file system. */
  public Configuration hadoop() {
    return hadoop;
  }

  /**
   * Writes a file of the folder, or replaces it as a whole.
   *
   * @throws LeaseLostException if another process has taken the lease; the file is as that left it
   */
  public void replace(Path file, Storage.Content content) throws IOException {
    Path draft = new Path(place, nameOnDesk(file));
    change(
        () -> {
          files.draft(draft, content);
          files.makeFolder(file.getParent());
          files.rename(draft, file);
        });
  }

  /** Writes a small file, in UTF-8. */
  public void replace(Path file, String text) throws IOException {
    replace(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Replaces a small file that is soon replaced again, without waiting for the disk: what a power
   * cut leaves of it may be nothing.
   */
  public void show(Path file, String text) throws IOException {
    Path draft = new Path(place, nameOnDesk(file));
    change(
        () -> {
          try (OutputStream out = files.create(draft)) {
            out.write(text.getBytes(StandardCharsets.UTF_8));
          }
          files.makeFolder(file.getParent());
          files.rename(draft, file);
        });
  }

  /**
   * Deletes a file or folder of it, if it is there.
   *
   * @throws LeaseLostException if another process has taken the lease; nothing is deleted then
   */
  public void delete(Path path) throws IOException {
    Path gone = new Path(place, nameOnDesk(path) + ".deleted");
    change(
        () -> {
          if (files.system().exists(path)) {
            files.rename(path, gone);
            files.system().delete(gone, true);
          }
        });
  }

  /**
   * Gives a folder of the folder another name, by way of the place for drafts.
   *
   * @throws LeaseLostException if another process has taken the lease; nothing is renamed then
   */
  public void rename(Path from, Path to) throws IOException {
    Path between = new Path(place, nameOnDesk(to));
    change(
        () -> {
          files.rename(from, between);
          files.rename(between, to);
        });
  }

  /**
   * Puts a folder that was written elsewhere in its place; an older one goes to the place for
   * drafts.
   *
   * @param replaced name of the older one there
   * @throws LeaseLostException if another process has taken the lease; nothing is replaced then
   */
  public void put(Path draft, Path folder, String replaced) throws IOException {
    Path between = new Path(place, nameOnDesk(folder));
    change(
        () -> {
          files.rename(draft, between);
          files.replaceFolder(between, folder, new Path(place, replaced));
        });
  }

  /** Changes the folder. */
  private interface Change {
    void make() throws IOException;
  }

  private void change(Change change) throws IOException {
    try {
      change.make();
    } catch (IOException e) {
      if (files.system().exists(place)) {
        throw e;
      }
      throw LeaseLostException.of(root, e);
    }
  }

  /** The path below the folder: files that are written at the same time differ in it. */
  private String nameOnDesk(Path path) {
    return path.toString().substring(root.toString().length() + 1).replace('/', '.');
  }
}
