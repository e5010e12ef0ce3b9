package io.moraine.pipeline.spark;

import io.moraine.pipeline.decontamination.DecontaminationConfig;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.decontamination.EvaluationItem;
import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.document.DocumentReader;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Reads evaluation sets on the driver; they are small beside a corpus. */
public final class EvaluationSets {

  private EvaluationSets() {}

  /**
   * The n-grams of all sets. A file is a set, named as the file without {@code .jsonl} and what
   * follows; below a folder, with the path from that folder's name on.
   *
   * @throws CorpusException if a path is missing or holds no file, a file is not of JSON lines or
   *     has a line that is no item, or two sets have the same name
   */
  public static EvaluationIndex index(Configuration hadoop, DecontaminationConfig config) {
    List<EvaluationItem> items = new ArrayList<>();
    for (Map.Entry<String, FileStatus> set : files(hadoop, config.sets()).entrySet()) {
      Path file = set.getValue().getPath();
      try (InputStream in = file.getFileSystem(hadoop).open(file)) {
        items.addAll(EvaluationItem.read(in, file.toString(), set.getKey(), config.fields()));
      } catch (IOException e) {
        throw new CorpusException("%s cannot be opened: %s.".formatted(file, e.getMessage()));
      }
    }
    return EvaluationIndex.of(items, config.n(), config.minItemWords());
  }

  /**
   * Name, length and modification time of every set: the same as long as nobody writes to them.
   *
   * @throws CorpusException as {@link #index} does, but for what is in the files
   */
  public static List<String> facts(Configuration hadoop, DecontaminationConfig config) {
    List<String> facts = new ArrayList<>();
    files(hadoop, config.sets())
        .forEach(
            (set, file) ->
                facts.add("%s %d %d".formatted(set, file.getLen(), file.getModificationTime())));
    return facts;
  }

  /** The files of the sets by the sets' names. */
  private static Map<String, FileStatus> files(Configuration hadoop, List<String> paths) {
    Map<String, FileStatus> files = new TreeMap<>();
    for (String given : paths) {
      Path path = new Path(given);
      try {
        FileSystem system = path.getFileSystem(hadoop);
        FileStatus status = system.getFileStatus(path);
        if (status.isFile()) {
          add(files, status, path.getName());
        } else {
          int before = files.size();
          InputFiles.forEachBelow(
              system, path, path.getName() + "/", (file, name) -> add(files, file, name));
          if (files.size() == before) {
            throw new CorpusException(
                "decontamination.sets: %s holds no file (names that begin with . or _ are left out)."
                    .formatted(given));
          }
        }
      } catch (FileNotFoundException e) {
        throw new CorpusException("decontamination.sets: %s is not there.".formatted(given));
      } catch (IOException e) {
        throw new CorpusException(
            "decontamination.sets: %s cannot be listed: %s.".formatted(given, e.getMessage()));
      }
    }
    return files;
  }

  private static void add(Map<String, FileStatus> files, FileStatus file, String name) {
    if (!DocumentReader.isJsonLines(name)) {
      throw new CorpusException(
          "decontamination.sets: %s is no file of JSON lines (.jsonl, .ndjson or .json, also with .gz or .zst)."
              .formatted(file.getPath()));
    }
    String lower = name.toLowerCase(Locale.ROOT);
    int end = Math.max(lower.lastIndexOf(".json"), lower.lastIndexOf(".ndjson"));
    FileStatus other = files.putIfAbsent(name.substring(0, end), file);
    if (other != null) {
      throw new CorpusException(
          "decontamination.sets: %s and %s are both the set %s. Put them into folders and name these."
              .formatted(other.getPath(), file.getPath(), name.substring(0, end)));
    }
  }
}
