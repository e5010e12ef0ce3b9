package io.moraine.pipeline.shard;

import java.io.IOException;
import java.io.OutputStream;

/**
 * llm.c's file: a header of 256 int32, then tokens. End-of-text stands before each document, so
 * that whoever looks for where documents begin finds the first one too.
 */
final class StreamWriter implements ShardWriter {

  private static final int HEADER_INTS = 256;

  private final LittleEndianOutput out;
  private final TokenWidth width;
  private final long announced;
  private final int[] endOfText;
  private long written;

  StreamWriter(OutputStream file, TokenWidth width, long tokens, int endOfText) throws IOException {
    this.out = new LittleEndianOutput(file);
    this.width = width;
    this.announced = tokens;
    this.endOfText = new int[] {endOfText};
    boolean narrow = width == TokenWidth.UINT16;
    out.putInt(narrow ? 20240520 : 20240801);
    out.putInt(narrow ? 1 : 7);
    out.putInt(Math.toIntExact(tokens));
    for (int i = 3; i < HEADER_INTS; i++) {
      out.putInt(0);
    }
  }

  @Override
  public void add(int[] tokens) throws IOException {
    out.putTokens(endOfText, 0, 1, width);
    out.putTokens(tokens, 0, tokens.length - 1, width);
    written += tokens.length;
  }

  @Override
  public void close() throws IOException {
    out.close();
    if (written != announced) {
      throw new IOException(
          "the shard has %,d tokens, its header says %,d.".formatted(written, announced));
    }
  }
}
