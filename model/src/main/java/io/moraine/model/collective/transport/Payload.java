package io.moraine.model.collective.transport;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.zip.CRC32C;

/**
 * The bytes of one frame, in memory that goes back to its pool when all who hold it have let go of
 * it. Who has sent it must not change it any more.
 */
public final class Payload {

  private final ByteBuffer memory;
  private int length;
  private final PayloadPool pool;
  private final AtomicInteger holders = new AtomicInteger(1);

  /** Both of the thread that sends, before the payload is queued. */
  private boolean isSealed;

  private int sealedChecksum;

  /** Held by the caller. */
  Payload(ByteBuffer memory, int length, PayloadPool pool) {
    this.memory = memory;
    this.length = length;
    this.pool = pool;
  }

  /** All of it, to be read or filled; little-endian, with a place of its own at each call. */
  public ByteBuffer buffer() {
    return memory.duplicate().position(0).limit(length).order(ByteOrder.LITTLE_ENDIAN);
  }

  public int length() {
    return length;
  }

  /** Leaves out what was not filled, before it is sent. */
  public void cut(int filled) {
    length = filled;
  }

  /** A copy. */
  public byte[] toBytes() {
    byte[] bytes = new byte[length];
    buffer().get(bytes);
    return bytes;
  }

  /** One holder less; the last one gives the memory back. */
  public void release() {
    int left = holders.decrementAndGet();
    if (left < 0) {
      throw new AssertionError("unreachable: a payload that nobody holds was released");
    }
    if (left == 0) {
      pool.giveBack(memory);
    }
  }

  /** One holder more. */
  void retain() {
    holders.incrementAndGet();
  }

  /** Takes the checksum of what is to be sent, once for all peers. */
  void seal() {
    if (!isSealed) {
      sealedChecksum = checksum();
      isSealed = true;
    }
  }

  /** Of a sealed payload. */
  int sealedChecksum() {
    return sealedChecksum;
  }

  int checksum() {
    CRC32C crc = new CRC32C();
    crc.update(buffer());
    return (int) crc.getValue();
  }
}
