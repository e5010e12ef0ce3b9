package io.moraine.pipeline.tokenizer;

/** Takes pieces, or spans of them, in the order in which they stand in a text. */
@FunctionalInterface
public interface PieceSink {

  /**
   * Takes {@code [from, to)} of {@code text}, which is UTF-8: a piece, which is not empty, or what
   * stands between special tokens, which may be.
   */
  void accept(byte[] text, int from, int to);
}
