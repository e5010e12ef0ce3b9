package io.moraine.model.collective.transport;

import java.util.ArrayDeque;

/**
 * Arrays for payloads of usual size, used again, the last one first: it is in the processor's
 * cache. One that nobody gives back, after a failure, is garbage like any other.
 */
final class PayloadPool {

  /** A chunk of the collectives in float32. */
  static final int ARRAY_BYTES = 1 << 18;

  /** Shorter ones are made for the purpose. */
  private static final int SHORTEST_BYTES = 1 << 10;

  private static final int KEPT = 64;

  private final ArrayDeque<byte[]> free = new ArrayDeque<>();

  /** A payload that the caller holds; its bytes are whatever they were. */
  Payload allocate(int length) {
    if (length < SHORTEST_BYTES || length > ARRAY_BYTES) {
      return new Payload(new byte[length], length, this);
    }
    byte[] array = poll();
    return new Payload(array.length > 0 ? array : new byte[ARRAY_BYTES], length, this);
  }

  /** A payload around the caller's array, which is never used for anything else. */
  Payload wrap(byte[] bytes) {
    return new Payload(bytes, bytes.length, new PayloadPool());
  }

  synchronized void giveBack(byte[] bytes) {
    if (bytes.length == ARRAY_BYTES && free.size() < KEPT) {
      free.push(bytes);
    }
  }

  /** A free array; an empty one if there is none. */
  private synchronized byte[] poll() {
    return free.isEmpty() ? new byte[0] : free.pop();
  }
}
