package io.moraine.pipeline.shard;

import java.io.Closeable;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;

/** Numbers, least significant byte first, through a buffer. */
final class LittleEndianOutput implements Closeable {

  private final OutputStream out;
  private final ByteBuffer buffer = ByteBuffer.allocate(1 << 16).order(ByteOrder.LITTLE_ENDIAN);

  LittleEndianOutput(OutputStream out) {
    this.out = out;
  }

  void put(byte[] bytes) throws IOException {
    room(bytes.length);
    buffer.put(bytes);
  }

  void putInt(int value) throws IOException {
    room(Integer.BYTES);
    buffer.putInt(value);
  }

  void putLong(long value) throws IOException {
    room(Long.BYTES);
    buffer.putLong(value);
  }

  /** Ids that are known to fit. */
  void putTokens(int[] tokens, int from, int to, TokenWidth width) throws IOException {
    for (int i = from; i < to; i++) {
      room(width.bytes());
      if (width == TokenWidth.UINT16) {
        buffer.putShort((short) tokens[i]);
      } else {
        buffer.putInt(tokens[i]);
      }
    }
  }

  @Override
  public void close() throws IOException {
    try (out) {
      flush();
    }
  }

  private void room(int bytes) throws IOException {
    if (buffer.remaining() < bytes) {
      flush();
    }
  }

  private void flush() throws IOException {
    out.write(buffer.array(), 0, buffer.position());
    buffer.clear();
  }
}
