package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.zip.CRC32C;

/**
 * Reads frames in order. The channel fills one direct buffer; the copy from there to the codec's
 * array is the only one after the system's own, and is checked piece by piece while it is in the
 * processor's cache.
 */
final class FrameReader {

  private static final int BUFFER_BYTES = 1 << 18;

  private final ReadableByteChannel channel;
  private final PayloadPool pool;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES).limit(0);
  private final CRC32C crc = new CRC32C();
  private long sequence;

  /**
   * Begins a connection's sequence.
   *
   * @param channel that blocks
   */
  FrameReader(ReadableByteChannel channel, PayloadPool pool) {
    this.channel = channel;
    this.pool = pool;
  }

  /**
   * Reads the next frame; the caller holds its payload.
   *
   * @throws IOException if what comes is no frame, another one, or damaged
   */
  Frame read() throws IOException {
    while (buffer.remaining() < Frame.HEADER_BYTES) {
      fill();
    }
    Frame.Header header = Frame.header(buffer, sequence);
    Payload payload = pool.allocate(header.length());
    crc.reset();
    for (int at = 0; at < header.length(); ) {
      if (!buffer.hasRemaining()) {
        fill();
      }
      int piece = Math.min(header.length() - at, buffer.remaining());
      crc.update(buffer.slice(buffer.position(), piece));
      buffer.get(payload.bytes(), at, piece);
      at += piece;
    }
    Frame.requireIntact(sequence++, header.checksum(), (int) crc.getValue());
    return new Frame(header.kind(), header.tag(), payload);
  }

  private void fill() throws IOException {
    buffer.compact();
    try {
      if (channel.read(buffer) < 0) {
        throw new EOFException("end of stream");
      }
    } finally {
      buffer.flip();
    }
  }
}
