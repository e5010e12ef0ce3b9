package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.CorpusException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.function.BiConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Lists the files of the input and packs them into tasks. */
final class InputFiles {

  private InputFiles() {}

  /**
   * All files below the inputs in the order of their names; names that begin with {@code .} or
   * {@code _} are left out.
   *
   * @throws CorpusException if an input is not there, or holds no file
   */
  static List<InputFile> list(Configuration hadoop, List<String> inputs) {
    List<InputFile> files = new ArrayList<>();
    for (String input : inputs) {
      int before = files.size();
      try {
        Path root = new Path(input);
        FileSystem system = root.getFileSystem(hadoop);
        FileStatus status = system.getFileStatus(root);
        String prefix = inputs.size() > 1 ? root.getName() + "/" : "";
        if (status.isFile()) {
          files.add(file(status, root.getName()));
        } else {
          forEachBelow(
              system, status.getPath(), prefix, (found, name) -> files.add(file(found, name)));
        }
      } catch (FileNotFoundException e) {
        throw new CorpusException("--input %s is not there.".formatted(input));
      } catch (IOException e) {
        throw new CorpusException(
            "--input %s cannot be listed: %s".formatted(input, e.getMessage()));
      }
      if (files.size() == before) {
        throw new CorpusException(
            "--input %s holds no file (names that begin with . or _ are left out)."
                .formatted(input));
      }
    }
    files.sort(Comparator.comparing(InputFile::name).thenComparing(InputFile::path));
    return files;
  }

  /** Contiguous groups of about equal size, at most {@code tasks} of them. */
  static List<List<InputFile>> pack(List<InputFile> files, int tasks) {
    long total = files.stream().mapToLong(InputFiles::weight).sum();
    List<List<InputFile>> groups = new ArrayList<>();
    long filled = 0;
    for (InputFile file : files) {
      int group = (int) Math.min(tasks - 1, filled * tasks / total);
      while (groups.size() <= group) {
        groups.add(new ArrayList<>());
      }
      groups.get(group).add(file);
      filled += weight(file);
    }
    groups.removeIf(List::isEmpty);
    return groups;
  }

  /** Opening a file costs about as much as reading this many bytes. */
  private static long weight(InputFile file) {
    return file.lengthBytes() + 4096;
  }

  private static InputFile file(FileStatus status, String name) {
    return new InputFile(
        status.getPath().toString(), name, status.getLen(), status.getModificationTime());
  }

  /** Hands out every file below a folder with its path from there, behind the prefix. */
  static void forEachBelow(
      FileSystem system, Path folder, String prefix, BiConsumer<FileStatus, String> action)
      throws IOException {
    for (FileStatus status : system.listStatus(folder)) {
      String name = status.getPath().getName();
      if (name.startsWith(".") || name.startsWith("_")) {
        continue;
      }
      if (status.isDirectory()) {
        forEachBelow(system, status.getPath(), prefix + name + "/", action);
      } else {
        action.accept(status, prefix + name);
      }
    }
  }
}
