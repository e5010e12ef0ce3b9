package io.moraine.jobs.lease;

import io.moraine.model.checkpoint.Storage;
import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.FileOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataOutputStream;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
import org.apache.hadoop.fs.PathIsNotEmptyDirectoryException;
import org.apache.hadoop.fs.StreamCapabilities;
import org.apache.hadoop.fs.UnsupportedFileSystemException;

/**
 * A file system on which files appear as a whole: a draft is renamed to their names, where older
 * ones may stand.
 *
 * <p>On local disks and HDFS that is one step: whoever looks sees the old file or the new one, and
 * a rename from or into a folder that is gone changes nothing. On others it is what {@link
 * FileContext#rename} makes of it: object stores copy, and briefly there may be neither file.
 *
 * <p>On a local disk there are no files of Hadoop's checksums: a file and its checksum could not be
 * replaced in one step. There Java writes, where Hadoop would start a process to set permissions.
 */
public final class WholeFiles {

  private static final String LOCAL = "file";

  private final FileSystem files;

  /** Made by the first rename: it may be one more connection. */
  private FileContext context;

  private WholeFiles(FileSystem files) {
    this.files = files;
  }

  /** The file system of a path. */
  public static WholeFiles of(Configuration hadoop, Path path) throws IOException {
    return of(path.getFileSystem(hadoop));
  }

  /** A file system that is there already. */
  public static WholeFiles of(FileSystem found) {
    return new WholeFiles(
        found instanceof LocalFileSystem local ? local.getRawFileSystem() : found);
  }

  /** For reading, listing and whatever need not be one step. */
  public FileSystem system() {
    return files;
  }

  /** Names of what is in a folder; empty if it is not there. */
  public List<String> names(Path folder) throws IOException {
    try {
      return Stream.of(files.listStatus(folder))
          .map(FileStatus::getPath)
          .map(Path::getName)
          .sorted()
          .toList();
    } catch (FileNotFoundException e) {
      return List.of();
    }
  }

  /**
   * Begins a file in place of one that may be there.
   *
   * @throws IOException if its folder is not there: none is made
   */
  public OutputStream create(Path file) throws IOException {
    return isLocal()
        ? new BufferedOutputStream(Files.newOutputStream(local(file)))
        : files.createFile(file).build();
  }

  /** Makes a folder, and those that it is in, if it is not there. */
  public void makeFolder(Path folder) throws IOException {
    if (isLocal()) {
      Files.createDirectories(local(folder));
    } else if (!files.mkdirs(folder)) {
      throw new IOException("cannot make the folder %s.".formatted(folder));
    }
  }

  /** The text of a small file, UTF-8; empty if it is not there. */
  public Optional<String> text(Path file) throws IOException {
    if (!files.exists(file)) {
      return Optional.empty();
    }
    try (InputStream in = files.open(file)) {
      return Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  /** Writes a file by way of a hidden one beside it. */
  public void write(Path file, Storage.Content content) throws IOException {
    makeFolder(file.getParent());
    Path draft = new Path(file.getParent(), "." + file.getName() + ".new");
    draft(draft, content);
    rename(draft, file);
  }

  /** Writes a small file likewise, UTF-8. */
  public void write(Path file, String text) throws IOException {
    write(file, out -> out.write(text.getBytes(StandardCharsets.UTF_8)));
  }

  /**
   * Writes a file that gets its name later, and waits until a power cut cannot take its bytes: else
   * the name could outlive them. Object stores have the bytes when they have the file.
   *
   * @throws IOException if its folder is not there: none is made
   */
  public void draft(Path draft, Storage.Content content) throws IOException {
    if (isLocal()) {
      try (FileOutputStream file = new FileOutputStream(local(draft).toFile())) {
        OutputStream out = new BufferedOutputStream(file);
        content.writeTo(out);
        out.flush();
        file.getFD().sync();
      }
      return;
    }
    try (FSDataOutputStream out = files.createFile(draft).build()) {
      content.writeTo(out);
      if (out.hasCapability(StreamCapabilities.HSYNC)) {
        out.hsync();
      }
    }
  }

  /**
   * Puts a folder in the place of another, or where nothing is.
   *
   * @param aside name of the other one meanwhile; what has that name already is deleted
   */
  public void replaceFolder(Path from, Path to, Path aside) throws IOException {
    makeFolder(to.getParent());
    if (files.exists(to)) {
      files.delete(aside, true);
      rename(to, aside);
    }
    rename(from, to);
    files.delete(aside, true);
  }

  /** Deletes a folder if nothing is in it, whoever puts something there meanwhile. */
  void deleteIfEmpty(Path folder) throws IOException {
    if (!isLocal()) {
      try {
        if (names(folder).isEmpty()) {
          files.delete(folder, false);
        }
      } catch (PathIsNotEmptyDirectoryException e) {
        // Somebody has put something there.
      }
      return;
    }
    try {
      Files.deleteIfExists(local(folder)); // Hadoop looks first, and then deletes all that is there
    } catch (DirectoryNotEmptyException e) {
      // Somebody has put something there.
    }
  }

  /**
   * Renames a file or folder; a file of the new name is replaced.
   *
   * @throws IOException if it is not there or cannot be renamed
   */
  public void rename(Path from, Path to) throws IOException {
    if (isLocal()) {
      Files.deleteIfExists(local(new Path(to.getParent(), "." + to.getName() + ".crc")));
      Files.move(local(from), local(to), StandardCopyOption.ATOMIC_MOVE);
      return;
    }
    Path source = files.makeQualified(from);
    Path target = files.makeQualified(to);
    try {
      context().rename(source, target, Options.Rename.OVERWRITE);
    } catch (UnsupportedFileSystemException e) {
      renameInTwoSteps(source, target);
    }
  }

  /** On a file system that has the older interface alone. */
  private void renameInTwoSteps(Path source, Path target) throws IOException {
    files.getFileStatus(source);
    files.delete(target, false);
    if (!files.rename(source, target)) {
      throw new IOException("cannot rename %s to %s.".formatted(source, target));
    }
  }

  private synchronized FileContext context() throws UnsupportedFileSystemException {
    if (context == null) {
      context = FileContext.getFileContext(files.getUri(), files.getConf());
    }
    return context;
  }

  private boolean isLocal() {
    return files.getUri().getScheme().equals(LOCAL);
  }

  private java.nio.file.Path local(Path path) {
    return java.nio.file.Path.of(files.makeQualified(path).toUri().getPath());
  }
}
