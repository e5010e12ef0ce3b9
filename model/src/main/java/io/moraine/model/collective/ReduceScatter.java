package io.moraine.model.collective;

import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;
import java.util.Arrays;

/** Every shard summed over all ranks at its owner. */
record ReduceScatter(Wire wire, ShardLayout layout, ChunkCoder codec, Contribution contribution) {

  /** Writes the bytes of a range of this rank's contribution. */
  @FunctionalInterface
  interface Contribution {
    void encode(long from, int length, ByteBuffer dst);

    /** Of values that are read and then encoded. */
    static Contribution of(FloatReader input, Encoder encoder) {
      float[] chunk = new float[Wire.CHUNK];
      return (from, length, dst) -> {
        input.read(from, chunk, 0, length);
        encoder.encode(from, chunk, length, dst);
      };
    }
  }

  /** Encodes the range of a contribution that begins at {@code from}. */
  @FunctionalInterface
  interface Encoder {
    void encode(long from, float[] values, int length, ByteBuffer dst);
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
        codec.decodeAdd(own.buffer(), shardSum, to, length);
        own.release();
      } else {
        wire.receive(
            peer,
            codec.encodedBytes(length),
            bytes -> codec.decodeAdd(bytes, shardSum, to, length));
      }
    }
  }

  private Payload contribution(int owner, int round, int length) {
    long from = layout.from(owner) + (long) round * Wire.CHUNK;
    return wire.encode(
        codec.encodedBytes(length), bytes -> contribution.encode(from, length, bytes));
  }
}
