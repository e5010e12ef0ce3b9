package io.moraine.jobs.train;

import io.moraine.model.checkpoint.Storage;
import java.io.BufferedOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.StandardCopyOption;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileContext;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.LocalFileSystem;
import org.apache.hadoop.fs.Options;
import org.apache.hadoop.fs.Path;
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
final class WholeFiles {

  private static final String LOCAL = "file";

  private final FileSystem files;

  /** Made by the first rename: it may be one more connection. */
  private FileContext context;

  private WholeFiles(FileSystem files) {
    this.files = files;
  }

  /** The file system of a path. */
  static WholeFiles of(Configuration hadoop, Path path) throws IOException {
    return of(path.getFileSystem(hadoop));
  }

  /** A file system that is there already. */
  static WholeFiles of(FileSystem found) {
    return new WholeFiles(
        found instanceof LocalFileSystem local ? local.getRawFileSystem() : found);
  }

  /** For reading, listing and whatever need not be one step. */
  FileSystem system() {
    return files;
  }

  /** Names of what is in a folder; empty if it is not there. */
  List<String> names(Path folder) throws IOException {
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
  OutputStream create(Path file) throws IOException {
    return isLocal()
        ? new BufferedOutputStream(Files.newOutputStream(local(file)))
        : files.createFile(file).build();
  }

  /** Makes a folder, and those that it is in, if it is not there. */
  void makeFolder(Path folder) throws IOException {
    if (isLocal()) {
      Files.createDirectories(local(folder));
    } else {
      files.mkdirs(folder);
    }
  }

  /** Writes a file by way of a hidden one beside it. */
  void write(Path file, Storage.Content content) throws IOException {
    makeFolder(file.getParent());
    Path draft = new Path(file.getParent(), "." + file.getName() + ".new");
    try (OutputStream out = create(draft)) {
      content.writeTo(out);
    }
    rename(draft, file);
  }

  /**
   * Renames a file or folder; a file of the new name is replaced.
   *
   * @throws IOException if it is not there or cannot be renamed
   */
  void rename(Path from, Path to) throws IOException {
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
