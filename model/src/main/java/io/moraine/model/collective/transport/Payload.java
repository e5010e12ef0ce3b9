package io.moraine.model.collective.transport;

import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;

/**
 * The bytes of one frame, at the beginning of an array that goes back to its pool when all who hold
 * it have let go of it. Who has sent it must not change it any more.
 */
public final class Payload {

  private final byte[] bytes;
  private final int length;
  private final PayloadPool pool;
  private final AtomicInteger holders = new AtomicInteger(1);

  /** Held by the caller. */
  Payload(byte[] bytes, int length, PayloadPool pool) {
    this.bytes = bytes;
    this.length = length;
    this.pool = pool;
  }

  /** The array; what follows {@link #length} is of no meaning. */
  public byte[] bytes() {
    return bytes;
  }

  public int length() {
    return length;
  }

  /** One holder less; the last one gives the array back. */
  public void release() {
    int left = holders.decrementAndGet();
    if (left < 0) {
      throw new AssertionError("unreachable: a payload that nobody holds was released");
    }
    if (left == 0) {
      pool.giveBack(bytes);
    }
  }

  /** One holder more. */
  void retain() {
    holders.incrementAndGet();
  }

  int checksum() {
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, length);
    return (int) crc.getValue();
  }
}
