package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.DocumentReader;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * One file of the input, or a range of its bytes.
 *
 * @param path where it is, for Hadoop
 * @param name its path below the input root, with {@code /}; the same on every machine
 * @param fromBytes first stored byte of the range
 * @param toBytes the byte behind the range
 * @param isWhole whether the range is the file, whatever its length
 * @param modifiedMillis when the file was last changed, milliseconds since 1970
 */
record InputFile(
    String path, String name, long fromBytes, long toBytes, boolean isWhole, long modifiedMillis)
    implements Serializable {

  /** A whole file. */
  InputFile(String path, String name, long lengthBytes, long modifiedMillis) {
    this(path, name, 0, lengthBytes, true, modifiedMillis);
  }

  long lengthBytes() {
    return toBytes - fromBytes;
  }

  boolean isParquet() {
    return name.endsWith(".parquet");
  }

  /** The file in ranges of at most so many bytes, where its format allows it. */
  List<InputFile> split(long splitBytes) {
    if (lengthBytes() <= splitBytes || !DocumentReader.isSplittable(name)) {
      return List.of(this);
    }
    List<InputFile> ranges = new ArrayList<>();
    for (long from = fromBytes; from < toBytes; from += splitBytes) {
      ranges.add(
          new InputFile(
              path, name, from, Math.min(toBytes, from + splitBytes), false, modifiedMillis));
    }
    return ranges;
  }
}
