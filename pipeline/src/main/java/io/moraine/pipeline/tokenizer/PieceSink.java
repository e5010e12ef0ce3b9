package io.moraine.pipeline.tokenizer;

/** Takes pieces in the order in which they stand in a text. */
@FunctionalInterface
public interface PieceSink {

  /** Takes the piece {@code [from, to)} of {@code text}, which is UTF-8; not empty. */
  void accept(byte[] text, int from, int to);
}
