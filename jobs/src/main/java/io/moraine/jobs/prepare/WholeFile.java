package io.moraine.jobs.prepare;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Small files that are written whole or not at all, UTF-8. */
final class WholeFile {

  private WholeFile() {}

  /** Writes beside the file, then puts that in its place. */
  static void write(FileSystem files, Path file, String text) throws IOException {
    Path unfinished = new Path(file.getParent(), "." + file.getName() + ".unfinished");
    try (OutputStream out = files.create(unfinished, true)) {
      out.write(text.getBytes(StandardCharsets.UTF_8));
    }
    move(files, unfinished, file);
  }

  /** The text of a file; empty if it is not there. */
  static Optional<String> read(FileSystem files, Path file) throws IOException {
    if (!files.exists(file)) {
      return Optional.empty();
    }
    try (InputStream in = files.open(file)) {
      return Optional.of(new String(in.readAllBytes(), StandardCharsets.UTF_8));
    }
  }

  /** Puts a file or folder in the place of another. */
  static void move(FileSystem files, Path from, Path to) throws IOException {
    files.mkdirs(to.getParent());
    files.delete(to, true);
    if (!files.rename(from, to)) {
      throw new IOException("cannot move %s to %s.".formatted(from, to));
    }
  }
}
