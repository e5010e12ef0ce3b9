package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.document.PassedOver;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.BiConsumer;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * The files of the input, and how to pack them into tasks.
 *
 * @param files in the order of their names
 * @param hidden for each input below which there are some, how many names were left out
 */
record InputFiles(List<InputFile> files, List<PassedOver> hidden) {

  /**
   * All files below the inputs; names that begin with {@code .} or {@code _} are left out. Behind
   * several inputs' names, with as many parent folders as tell them apart.
   *
   * @throws CorpusException if an input is not there, holds no file, is named twice or is a Parquet
   *     file that Spark would pass over
   */
  static InputFiles list(Configuration hadoop, List<String> inputs) {
    List<FileStatus> roots = new ArrayList<>();
    for (String input : inputs) {
      roots.add(listed(input, () -> status(hadoop, input)));
    }
    List<String> names = inputs.size() > 1 ? names(roots) : List.of("");
    List<InputFile> files = new ArrayList<>();
    List<PassedOver> hidden = new ArrayList<>();
    for (int i = 0; i < roots.size(); i++) {
      FileStatus root = roots.get(i);
      String name = names.get(i);
      int before = files.size();
      long leftOut = listed(inputs.get(i), () -> addBelow(files, hadoop, root, name));
      if (files.size() == before) {
        throw new CorpusException(
            "--input %s holds no file (names that begin with . or _ are left out)."
                .formatted(inputs.get(i)));
      }
      if (leftOut > 0) {
        hidden.add(new PassedOver(name, PassedOver.Reason.HIDDEN_NAME, leftOut));
      }
    }
    files.sort(Comparator.comparing(InputFile::name).thenComparing(InputFile::path));
    return new InputFiles(files, hidden);
  }

  private static FileStatus status(Configuration hadoop, String input) throws IOException {
    Path root = new Path(input);
    return root.getFileSystem(hadoop).getFileStatus(root);
  }

  /** Adds an input's files; how many names were left out. */
  private static long addBelow(
      List<InputFile> files, Configuration hadoop, FileStatus root, String name)
      throws IOException {
    Path path = root.getPath();
    if (root.isFile()) {
      InputFile file = file(root, name.isEmpty() ? path.getName() : name);
      if (file.isParquet() && isHidden(path.getName())) {
        throw new CorpusException(
            "--input %s: Spark passes over Parquet files whose names begin with . or _. Give it another name."
                .formatted(path.toUri().getPath()));
      }
      files.add(file);
      return 0;
    }
    String prefix = name.isEmpty() ? "" : name + "/";
    return forEachBelow(
        path.getFileSystem(hadoop), path, prefix, (found, below) -> files.add(file(found, below)));
  }

  /** The shortest ends of their paths, all of as many folders, that no two have in common. */
  private static List<String> names(List<FileStatus> roots) {
    List<String> paths = roots.stream().map(root -> root.getPath().toUri().getPath()).toList();
    Set<String> different = new HashSet<>();
    for (String path : paths) {
      if (!different.add(path)) {
        throw new CorpusException("--input names %s twice.".formatted(path));
      }
    }
    List<String> names;
    int folders = 0;
    do {
      folders++;
      int parts = folders;
      names = paths.stream().map(path -> end(path, parts)).toList();
    } while (new HashSet<>(names).size() < names.size());
    return names;
  }

  private static String end(String path, int parts) {
    int from = path.length();
    for (int part = 0; part < parts && from > 0; part++) {
      from = path.lastIndexOf('/', from - 1);
    }
    return path.substring(from + 1);
  }

  /** Does something that can fail in Hadoop's ways. */
  private interface Listing<T> {
    T list() throws IOException;
  }

  private static <T> T listed(String input, Listing<T> listing) {
    try {
      return listing.list();
    } catch (FileNotFoundException e) {
      throw new CorpusException("--input %s is not there.".formatted(input));
    } catch (IOException e) {
      throw new CorpusException("--input %s cannot be listed: %s".formatted(input, e.getMessage()));
    }
  }

  /** Contiguous groups of about equal size, at most {@code tasks} of them. */
  static List<List<InputFile>> pack(List<InputFile> files, int tasks) {
    long total = files.stream().mapToLong(InputFiles::weight).sum();
    List<List<InputFile>> groups = new ArrayList<>();
    long filled = 0;
    for (InputFile file : files) {
      int group = (int) Math.min(tasks - 1, (double) filled / total * tasks);
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

  private static boolean isHidden(String name) {
    return name.startsWith(".") || name.startsWith("_");
  }

  /**
   * Hands out every file below a folder with its path from there, behind the prefix.
   *
   * @return how many names were left out, of files and folders
   */
  static long forEachBelow(
      FileSystem system, Path folder, String prefix, BiConsumer<FileStatus, String> action)
      throws IOException {
    long leftOut = 0;
    for (FileStatus status : system.listStatus(folder)) {
      String name = status.getPath().getName();
      if (isHidden(name)) {
        leftOut++;
      } else if (status.isDirectory()) {
        leftOut += forEachBelow(system, status.getPath(), prefix + name + "/", action);
      } else {
        action.accept(status, prefix + name);
      }
    }
    return leftOut;
  }
}
