package io.moraine.pipeline.tokenizer;

/** Cuts a text into pieces, one at a time. Holds no state of a text; for use by several threads. */
interface PieceScanner {

  /**
   * Where the piece that begins at {@code from} ends.
   *
   * @param text well-formed UTF-8
   * @param begin where the text to be cut begins; nothing before it is seen
   * @param from begin of the piece, in {@code [begin, to)}: the end of the piece before
   * @param to end of the text to be cut; nothing behind it is seen
   * @return in {@code (from, to]}
   */
  int end(byte[] text, int begin, int from, int to);
}
