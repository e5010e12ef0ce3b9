package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.CorpusException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;

/** What is known of an input without reading it. */
public final class InputListing {

  private InputListing() {}

  /**
   * Path, length and modification time of every file in the order of their names: the same as long
   * as nobody writes to the input.
   *
   * @param inputs Hadoop paths of files and folders
   * @throws CorpusException if an input is missing or holds no file
   */
  public static List<String> facts(Configuration hadoop, List<String> inputs) {
    return InputFiles.list(hadoop, inputs).files().stream()
        .map(file -> file.path() + " " + file.lengthBytes() + " " + file.modifiedMillis())
        .toList();
  }
}
