package io.moraine.model.collective.transport;

import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Optional;

/**
 * Direct memory for payloads of usual size, used again, the last one first: it is in the
 * processor's cache. What nobody gives back, after a failure, is garbage like any other.
 */
final class PayloadPool {

  /** A chunk of the collectives in float32. */
  static final int PIECE_BYTES = 1 << 18;

  /** Shorter ones are made for the purpose. */
  private static final int SHORTEST_BYTES = 1 << 10;

  private final ArrayDeque<ByteBuffer> free = new ArrayDeque<>();

  /** A payload that the caller holds; its bytes are whatever they were. */
  Payload allocate(int length) {
    if (length < SHORTEST_BYTES || length > PIECE_BYTES) {
      return new Payload(ByteBuffer.allocate(length), length, this);
    }
    return new Payload(
        poll().orElseGet(() -> ByteBuffer.allocateDirect(PIECE_BYTES)), length, this);
  }

  /** A payload around the caller's array. */
  Payload wrap(byte[] bytes) {
    return new Payload(ByteBuffer.wrap(bytes), bytes.length, this);
  }

  synchronized void giveBack(ByteBuffer memory) {
    if (memory.isDirect()) {
      free.push(memory);
    }
  }

  private synchronized Optional<ByteBuffer> poll() {
    return Optional.ofNullable(free.poll());
  }
}
