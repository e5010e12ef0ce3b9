package io.moraine.model.collective;

import java.nio.ByteBuffer;
import java.util.function.BiFunction;

/** A few numbers or bytes of everybody to everybody, as they are. */
record ExactExchange(Wire wire) {

  /**
   * Everybody's bytes, by rank.
   *
   * @param own does not change any more
   */
  byte[][] bytes(byte[] own) {
    return gather(own, (peer, bytes) -> bytes);
  }

  /** Everybody's number, by rank. */
  long[] values(long own) {
    byte[][] all = gatherEqual(ByteBuffer.allocate(Long.BYTES).putLong(own).array());
    long[] values = new long[all.length];
    for (int peer = 0; peer < all.length; peer++) {
      values[peer] = ByteBuffer.wrap(all[peer]).getLong();
    }
    return values;
  }

  /** By element, in the order of ranks. */
  double[] sum(double[] own) {
    double[] sum = new double[own.length];
    ByteBuffer sent = ByteBuffer.allocate(Double.BYTES * own.length);
    sent.asDoubleBuffer().put(own);
    for (byte[] bytes : gatherEqual(sent.array())) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += ByteBuffer.wrap(bytes).getDouble(Double.BYTES * i);
      }
    }
    return sum;
  }

  /** By element. */
  long[] sum(long[] own) {
    long[] sum = new long[own.length];
    ByteBuffer sent = ByteBuffer.allocate(Long.BYTES * own.length);
    sent.asLongBuffer().put(own);
    for (byte[] bytes : gatherEqual(sent.array())) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += ByteBuffer.wrap(bytes).getLong(Long.BYTES * i);
      }
    }
    return sum;
  }

  /** Waits for everybody. */
  void barrier() {
    gatherEqual(new byte[0]);
  }

  /** As many bytes of everybody. */
  private byte[][] gatherEqual(byte[] own) {
    return gather(own, (peer, bytes) -> Wire.requireLength(peer, bytes, own.length));
  }

  /**
   * Everybody's bytes.
   *
   * @param check of what comes from a rank; returns it
   */
  private byte[][] gather(byte[] own, BiFunction<Integer, byte[], byte[]> check) {
    byte[][] all = new byte[wire.worldSize()][];
    wire.sendToAll(wire.mesh().wrap(own));
    for (int peer = 0; peer < all.length; peer++) {
      all[peer] = peer == wire.rank() ? own : check.apply(peer, wire.receive(peer));
    }
    return all;
  }
}
