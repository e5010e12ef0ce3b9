package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.GatheringByteChannel;

/**
 * Writes frames in order. A large payload leaves from where the codec wrote it, together with the
 * headers and small frames before it; these are gathered in a direct buffer.
 */
final class FrameWriter {

  private static final int SMALL_BYTES = 1 << 12;

  private final GatheringByteChannel channel;
  private final ByteBuffer pending = ByteBuffer.allocateDirect(8 * SMALL_BYTES);
  private long sequence;
  private volatile long lastWrittenNanos = System.nanoTime();

  /**
   * Begins a connection's sequence.
   *
   * @param channel that blocks
   */
  FrameWriter(GatheringByteChannel channel) {
    this.channel = channel;
  }

  /** When bytes left last; for any thread. */
  long lastWrittenNanos() {
    return lastWrittenNanos;
  }

  /** Appends a frame, which is written at once if it is large. */
  void append(Frame frame) throws IOException {
    if (pending.remaining() < Frame.HEADER_BYTES + SMALL_BYTES) {
      flush();
    }
    frame.putHeader(pending, sequence++);
    ByteBuffer payload = frame.payload().buffer();
    if (payload.remaining() <= SMALL_BYTES) {
      pending.put(payload);
      return;
    }
    pending.flip();
    int end = payload.limit();
    while (payload.position() < end) {
      // The system would get a copy of all that is in the heap, at each call.
      payload.limit(Math.min(end, payload.position() + PayloadPool.PIECE_BYTES));
      channel.write(new ByteBuffer[] {pending, payload});
      lastWrittenNanos = System.nanoTime();
    }
    pending.clear();
  }

  /** Writes what was appended. */
  void flush() throws IOException {
    pending.flip();
    while (pending.hasRemaining()) {
      channel.write(pending);
      lastWrittenNanos = System.nanoTime();
    }
    pending.clear();
  }
}
