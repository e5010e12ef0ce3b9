package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ScatteringByteChannel;

/**
 * Reads frames in order. Large payloads arrive where the codec reads them; the header that follows
 * one comes with it.
 */
final class FrameReader {

  private static final int SMALL_BYTES = 1 << 12;

  private final ScatteringByteChannel channel;
  private final PayloadPool pool;

  /** What came and is not looked at yet: headers, small payloads, the beginning of large ones. */
  private final ByteBuffer ahead = ByteBuffer.allocateDirect(SMALL_BYTES).limit(0);

  private long sequence;

  /**
   * Begins a connection's sequence.
   *
   * @param channel that blocks
   */
  FrameReader(ScatteringByteChannel channel, PayloadPool pool) {
    this.channel = channel;
    this.pool = pool;
  }

  /**
   * Reads the next frame; the caller holds its payload.
   *
   * @throws IOException if what comes is no frame, another one, or damaged
   */
  Frame read() throws IOException {
    while (ahead.remaining() < Frame.HEADER_BYTES) {
      ahead.compact();
      requireMore(read(ahead));
    }
    Frame.Header header = Frame.header(ahead, sequence);
    Payload payload = pool.allocate(header.length());
    fill(payload.buffer());
    Frame.requireIntact(sequence++, header.checksum(), payload.checksum());
    return new Frame(header.kind(), header.tag(), payload);
  }

  private int read(ByteBuffer dst) throws IOException {
    try {
      return channel.read(dst);
    } finally {
      dst.flip();
    }
  }

  private void fill(ByteBuffer payload) throws IOException {
    int there = Math.min(ahead.remaining(), payload.remaining());
    payload.put(ahead.slice(ahead.position(), there));
    ahead.position(ahead.position() + there);
    int end = payload.limit();
    while (payload.position() < end) {
      int piece = Math.min(end, payload.position() + PayloadPool.PIECE_BYTES);
      payload.limit(piece);
      if (piece == end) {
        // Nothing is left in it: the next header may come in.
        ahead.clear().limit(Frame.HEADER_BYTES);
        requireMore(channel.read(new ByteBuffer[] {payload, ahead}));
        ahead.flip();
      } else {
        requireMore(channel.read(payload));
      }
    }
  }

  private static void requireMore(long count) throws IOException {
    if (count < 0) {
      throw new EOFException("end of stream");
    }
  }
}
