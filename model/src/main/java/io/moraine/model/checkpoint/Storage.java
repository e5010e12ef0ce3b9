package io.moraine.model.checkpoint;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.List;

/** A folder of files on some file system; names are relative and use {@code /}. */
public interface Storage {

  /** Names of the files and folders directly in a folder, sorted; empty if it is not there. */
  List<String> list(String folder) throws IOException;

  /** Whether a file is there. */
  boolean exists(String file) throws IOException;

  /** Opens a file for reading; the caller closes it. */
  InputStream open(String file) throws IOException;

  /**
   * Writes a file as a whole: under its name stands the old content or the new one, never a part.
   */
  void write(String file, Content content) throws IOException;

  /**
   * Gives a folder another name, which nothing has.
   *
   * @param folder that is there
   */
  void rename(String folder, String name) throws IOException;

  /** Deletes a folder and all in it, if it is there. */
  void deleteFolder(String folder) throws IOException;

  /** Writes bytes to a stream. */
  @FunctionalInterface
  interface Content {
    void writeTo(OutputStream out) throws IOException;
  }
}
