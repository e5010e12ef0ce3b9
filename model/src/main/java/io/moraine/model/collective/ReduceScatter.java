package io.moraine.model.collective;

import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Every shard summed over all ranks at its owner. */
record ReduceScatter(Wire wire, ShardLayout layout, ChunkCoder coder, ByteReader contribution) {

  /** Encodes the range of a contribution that begins at {@code from}. */
  @FunctionalInterface
  interface RangeEncoder {
    void encode(long from, float[] values, int length, ByteBuffer dst);
  }

  /** Values that are read and then encoded, range by range. */
  static ByteReader encoded(FloatReader input, RangeEncoder encoder) {
    float[] chunk = new float[Wire.CHUNK];
    return (from, length, dst) -> {
      input.read(from, chunk, 0, length);
      encoder.encode(from, chunk, length, dst);
    };
  }

  void run(float[] shardSum) {
    int rounds = layout.chunks(Wire.CHUNK);
    for (int round = 0; round < rounds + wire.ahead(); round++) {
      for (int turn = 1; turn < wire.worldSize() && round < rounds; turn++) {
        int owner = wire.peer(turn);
        int length = layout.length(owner, round, Wire.CHUNK);
        if (length > 0) {
          Payload payload = contribution(owner, round, length);
          wire.send(owner, payload);
          payload.release();
        }
      }
      if (round >= wire.ahead()) {
        sum(round - wire.ahead(), shardSum);
      }
    }
  }

  private void sum(int round, float[] shardSum) {
    int length = layout.length(wire.rank(), round, Wire.CHUNK);
    if (length == 0) {
      return;
    }
    int to = round * Wire.CHUNK;
    Arrays.fill(shardSum, to, to + length, 0);
    for (int peer = 0; peer < wire.worldSize(); peer++) {
      if (peer == wire.rank()) {
        Payload own = contribution(peer, round, length);
        coder.decodeAdd(own.buffer(), shardSum, to, length);
        own.release();
      } else {
        wire.receive(
            peer,
            coder.encodedBytes(length),
            bytes -> coder.decodeAdd(bytes, shardSum, to, length));
      }
    }
  }

  private Payload contribution(int owner, int round, int length) {
    long from = layout.from(owner) + (long) round * Wire.CHUNK;
    return wire.encode(coder.encodedBytes(length), bytes -> contribution.read(from, length, bytes));
  }
}
