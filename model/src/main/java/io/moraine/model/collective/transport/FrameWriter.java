package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Writes frames in order. Header and payload are gathered in one direct buffer, which the channel
 * takes as it is: the copy from the codec's array to that buffer is the only one before the
 * system's own. Frames that follow each other closely leave together.
 */
final class FrameWriter {

  private static final int BUFFER_BYTES = 1 << 19;

  private final WritableByteChannel channel;
  private final AtomicLong sentBytes;
  private final ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER_BYTES);
  private long sequence;

  /**
   * Begins a connection's sequence.
   *
   * @param channel that blocks
   * @param sentBytes counts what it took
   */
  FrameWriter(WritableByteChannel channel, AtomicLong sentBytes) {
    this.channel = channel;
    this.sentBytes = sentBytes;
  }

  /** Appends a frame; what does not fit is written at once. */
  void append(Frame frame) throws IOException {
    if (buffer.remaining() < Frame.HEADER_BYTES) {
      flush();
    }
    frame.putHeader(buffer, sequence++);
    byte[] bytes = frame.payload().bytes();
    int length = frame.payload().length();
    for (int at = 0; at < length; ) {
      if (!buffer.hasRemaining()) {
        flush();
      }
      int piece = Math.min(length - at, buffer.remaining());
      buffer.put(bytes, at, piece);
      at += piece;
    }
  }

  /** Writes what was appended. */
  void flush() throws IOException {
    buffer.flip();
    while (buffer.hasRemaining()) {
      sentBytes.addAndGet(channel.write(buffer));
    }
    buffer.clear();
  }
}
