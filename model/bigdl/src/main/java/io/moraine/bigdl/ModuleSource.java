package io.moraine.bigdl;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;

/** Where a module of tokens comes from, and its criterion. */
public sealed interface ModuleSource {

  /**
   * A file of BigDL's own format, which begins with the weights that are in it.
   *
   * @param name of the file, for messages
   * @param content of {@code saveModule} without a file of weights beside
   * @param criterion which the format does not have
   * @param rows what the module's rows are of
   */
  record Saved(String name, Content content, Criterion criterion, Rows rows)
      implements ModuleSource {

    /** A file of this machine. */
    public static Saved of(Path file, Criterion criterion, Rows rows) {
      return new Saved(file.toString(), () -> Files.newInputStream(file), criterion, rows);
    }
  }

  /** A file, wherever it is. */
  interface Content {

    /** Its bytes from the first one on; the caller closes them. */
    InputStream open() throws IOException;
  }

  /**
   * What a class makes.
   *
   * @param factory name of a {@code io.moraine.bigdl.module.ModuleFactory}, on the class path that
   *     BigDL was opened with
   */
  record Made(String factory) implements ModuleSource {}

  /** Criteria of scores and the tokens that follow; means over these. */
  enum Criterion {
    /** Of scores of any size, BigDL's {@code CrossEntropyCriterion}. */
    CROSS_ENTROPY,
    /** Of logarithms of probabilities, as {@code LogSoftMax} gives: {@code ClassNLLCriterion}. */
    CLASS_NLL
  }

  /** What the row of scores at a token's place is of. */
  enum Rows {
    /** Of the token that follows. */
    NEXT,
    /** Of the token itself: the module shifts tokens, as BigDL's {@code Transformer} does. */
    OWN
  }
}
