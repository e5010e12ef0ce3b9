package io.moraine.pipeline.spark;

import java.io.Serializable;

/**
 * One file of the input.
 *
 * @param path where it is, for Hadoop
 * @param name its path below the input root, with {@code /}; the same on every machine
 * @param lengthBytes stored size
 */
record InputFile(String path, String name, long lengthBytes) implements Serializable {

  boolean isParquet() {
    return name.endsWith(".parquet");
  }
}
