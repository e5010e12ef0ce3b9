package io.moraine.pipeline.document;

import java.io.IOException;
import java.io.InputStream;
import java.util.Arrays;

/**
 * Lines of a byte stream with their offsets; never holds more than the limit and one buffer.
 *
 * <p>A line that is longer than the limit is read over and known by its first bytes alone.
 */
final class LineReader {

  private final InputStream in;
  private final int maxLineBytes;
  private final byte[] buffer = new byte[1 << 16];
  private int bufferFrom;
  private int bufferTo;
  private byte[] line = new byte[1 << 12];
  private int lineBytes;
  private long lineOffset;
  private long lineLength;
  private long nextOffset;

  /** Lines of a stream that stands at an offset of its file. */
  LineReader(InputStream in, int maxLineBytes, long offsetBytes) {
    this.in = in;
    this.maxLineBytes = maxLineBytes;
    this.nextOffset = offsetBytes;
  }

  /**
   * Moves to the next line, its end ({@code \n} or {@code \r\n}) cut off.
   *
   * @return false at the end of the stream
   * @throws IOException if the stream breaks; then {@link #bytes()} holds the line's beginning
   */
  boolean next() throws IOException {
    lineOffset = nextOffset;
    lineBytes = 0;
    lineLength = 0;
    boolean any = false;
    while (bufferFrom < bufferTo || fill()) {
      any = true;
      int end = bufferFrom;
      while (end < bufferTo && buffer[end] != '\n') {
        end++;
      }
      keep(end - bufferFrom);
      boolean ended = end < bufferTo;
      bufferFrom = ended ? end + 1 : end;
      nextOffset += ended ? 1 : 0;
      if (ended) {
        break;
      }
    }
    if (lineBytes > 0 && !isTooLong() && line[lineBytes - 1] == '\r') {
      lineBytes--;
    }
    return any;
  }

  /** Reads over the rest of a line, but not beyond an offset: a line may be as long as its file. */
  void skip(long toBytes) throws IOException {
    lineOffset = nextOffset;
    boolean ended = false;
    while (!ended && nextOffset < toBytes && (bufferFrom < bufferTo || fill())) {
      ended = buffer[bufferFrom++] == '\n';
      nextOffset++;
    }
  }

  /** The line's bytes, valid until the next call; only the first ones if it is too long. */
  byte[] bytes() {
    return line;
  }

  int length() {
    return lineBytes;
  }

  boolean isTooLong() {
    return lineLength > maxLineBytes;
  }

  /** Length of the line, read over or not. */
  long lengthBytes() {
    return lineLength;
  }

  /** Where the line starts in the file. */
  long offsetBytes() {
    return lineOffset;
  }

  /** Where the next line starts in the file, or the file ends. */
  long nextOffsetBytes() {
    return nextOffset;
  }

  private boolean fill() throws IOException {
    bufferFrom = 0;
    bufferTo = 0;
    bufferTo = Math.max(0, in.read(buffer));
    return bufferTo > 0;
  }

  private void keep(int count) {
    lineLength += count;
    nextOffset += count;
    int kept = Math.min(count, maxLineBytes - lineBytes);
    if (kept > line.length - lineBytes) {
      int grown = (int) Math.min(maxLineBytes, Math.max(2L * line.length, lineBytes + (long) kept));
      line = Arrays.copyOf(line, grown);
    }
    System.arraycopy(buffer, bufferFrom, line, lineBytes, kept);
    lineBytes += kept;
  }
}
