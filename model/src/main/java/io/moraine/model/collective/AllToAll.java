package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;
import java.util.Arrays;

/**
 * From each rank to each other as much as there is for it, which may be nothing. What a rank sends
 * stands in the order of receivers, what it receives in the order of senders.
 *
 * @param sent to each rank, of whatever is counted
 * @param received from each rank, likewise
 */
record AllToAll(Wire wire, int[] sent, int[] received) {

  AllToAll {
    if (sent.length != wire.worldSize()
        || received.length != wire.worldSize()
        || Arrays.stream(sent).anyMatch(count -> count < 0)
        || Arrays.stream(received).anyMatch(count -> count < 0)
        || sent[wire.rank()] != received[wire.rank()]) {
      throw new IllegalArgumentException(
          "an all-to-all of %d ranks needs as many counts, none below 0, and the same from and to"
                  .formatted(wire.worldSize())
              + " this rank, %d; got %s and %s"
                  .formatted(wire.rank(), Arrays.toString(sent), Arrays.toString(received)));
    }
  }

  /** How chunks become bytes. */
  private interface Format {

    int bytes(int count);

    void encode(int from, int count, ByteBuffer dst);

    void decode(ByteBuffer src, int to, int count);
  }

  /** Moves floats through a codec, this rank's own too. */
  void floats(float[] src, GradientCodec codec, float[] dst) {
    requireRoom(src.length, dst.length);
    ChunkCoder coder = new ChunkCoder(codec);
    run(
        Wire.CHUNK / codec.blockElements() * codec.blockElements(),
        new Format() {
          @Override
          public int bytes(int count) {
            return codec.encodedBytes(count);
          }

          @Override
          public void encode(int from, int count, ByteBuffer bytes) {
            coder.encode(src, from, bytes, count);
          }

          @Override
          public void decode(ByteBuffer bytes, int to, int count) {
            coder.decode(bytes, dst, to, count);
          }
        });
  }

  /**
   * Tells each rank how much it will get.
   *
   * @param counts for each rank
   * @return from each rank
   */
  static int[] counts(Wire wire, int[] counts) {
    int[] sizes = new int[wire.worldSize()];
    Arrays.fill(sizes, Integer.BYTES);
    ByteBuffer sent = ByteBuffer.allocate(Integer.BYTES * sizes.length);
    sent.asIntBuffer().put(counts);
    ByteBuffer received = ByteBuffer.allocate(Integer.BYTES * sizes.length);
    new AllToAll(wire, sizes, sizes).bytes(sent.array(), received.array());
    int[] from = new int[sizes.length];
    received.asIntBuffer().get(from);
    for (int peer = 0; peer < from.length; peer++) {
      Wire.requireCount(peer, from[peer]);
    }
    return from;
  }

  /** Moves bytes. */
  void bytes(byte[] src, byte[] dst) {
    requireRoom(src.length, dst.length);
    run(
        Broadcast.CHUNK_BYTES,
        new Format() {
          @Override
          public int bytes(int count) {
            return count;
          }

          @Override
          public void encode(int from, int count, ByteBuffer bytes) {
            bytes.put(src, from, count);
          }

          @Override
          public void decode(ByteBuffer bytes, int to, int count) {
            DamagedPayloadException.requireLength(bytes.remaining(), count);
            bytes.get(dst, to, count);
          }
        });
  }

  private void requireRoom(int src, int dst) {
    long toSend = Arrays.stream(sent).asLongStream().sum();
    long toReceive = Arrays.stream(received).asLongStream().sum();
    if (toSend != src || toReceive != dst) {
      throw new IllegalArgumentException(
          "counts of an all-to-all must add up to the arrays' lengths, got %d of %d and %d of %d"
              .formatted(toSend, src, toReceive, dst));
    }
  }

  private void run(int chunk, Format format) {
    int most = 0;
    for (int peer = 0; peer < wire.worldSize(); peer++) {
      most = Math.max(most, Math.max(sent[peer], received[peer]));
    }
    int rounds = most / chunk + (most % chunk > 0 ? 1 : 0);
    int[] sentFrom = offsets(sent);
    int[] receivedTo = offsets(received);
    for (int round = 0; round < rounds + wire.ahead(); round++) {
      if (round < rounds) {
        send(round, chunk, format, sentFrom);
      }
      if (round >= wire.ahead()) {
        receive(round - wire.ahead(), chunk, format, sentFrom, receivedTo);
      }
    }
  }

  private void send(int round, int chunk, Format format, int[] from) {
    for (int turn = 1; turn < wire.worldSize(); turn++) {
      int peer = wire.peer(turn);
      int count = count(sent[peer], round, chunk);
      if (count > 0) {
        Payload payload = encode(format, from[peer] + round * chunk, count);
        wire.send(peer, payload);
        payload.release();
      }
    }
  }

  private void receive(int round, int chunk, Format format, int[] from, int[] to) {
    for (int peer = 0; peer < wire.worldSize(); peer++) {
      int count = count(received[peer], round, chunk);
      int dstOffset = to[peer] + round * chunk;
      if (count > 0 && peer == wire.rank()) {
        Payload own = encode(format, from[peer] + round * chunk, count);
        format.decode(own.buffer(), dstOffset, count);
        own.release();
      } else if (count > 0) {
        wire.receive(peer, format.bytes(count), bytes -> format.decode(bytes, dstOffset, count));
      }
    }
  }

  private Payload encode(Format format, int from, int count) {
    return wire.encode(format.bytes(count), bytes -> format.encode(from, count, bytes));
  }

  private static int count(int all, int round, int chunk) {
    return (int) Math.max(0, Math.min(chunk, all - (long) round * chunk));
  }

  private static int[] offsets(int[] counts) {
    int[] offsets = new int[counts.length];
    for (int i = 1; i < counts.length; i++) {
      offsets[i] = offsets[i - 1] + counts[i - 1];
    }
    return offsets;
  }
}
