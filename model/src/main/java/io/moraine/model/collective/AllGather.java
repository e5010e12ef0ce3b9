package io.moraine.model.collective;

import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;

/** All shards to every rank. */
record AllGather(Wire wire, ShardLayout layout, ChunkCoder codec, FloatWriter output) {

  void run(float[] shard) {
    float[] chunk = new float[Wire.CHUNK];
    int rounds = layout.chunks(Wire.CHUNK);
    for (int round = 0; round < rounds + wire.ahead(); round++) {
      if (round < rounds) {
        give(shard, round, chunk);
      }
      if (round >= wire.ahead()) {
        take(round - wire.ahead(), chunk);
      }
    }
  }

  private void give(float[] shard, int round, float[] chunk) {
    int length = layout.length(wire.rank(), round, Wire.CHUNK);
    if (length > 0) {
      Payload own =
          wire.encode(
              codec.encodedBytes(length),
              bytes -> codec.encode(shard, round * Wire.CHUNK, bytes, length));
      wire.sendToAll(own);
      write(wire.rank(), round, length, own.buffer(), chunk);
      own.release();
    }
  }

  private void take(int round, float[] chunk) {
    for (int owner = 0; owner < wire.worldSize(); owner++) {
      int length = layout.length(owner, round, Wire.CHUNK);
      if (owner != wire.rank() && length > 0) {
        int from = owner;
        wire.receive(
            owner, codec.encodedBytes(length), bytes -> write(from, round, length, bytes, chunk));
      }
    }
  }

  private void write(int owner, int round, int length, ByteBuffer bytes, float[] chunk) {
    codec.decode(bytes, chunk, 0, length);
    output.write(layout.from(owner) + (long) round * Wire.CHUNK, chunk, 0, length);
  }
}
