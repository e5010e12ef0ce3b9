package io.moraine.model.collective;

import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;

/** All shards to every rank. */
record AllGather(Wire wire, ShardLayout layout, Gathering gathering) {

  void run() {
    int rounds = layout.chunks(Wire.CHUNK);
    for (int round = 0; round < rounds + wire.ahead(); round++) {
      if (round < rounds) {
        give(round);
      }
      if (round >= wire.ahead()) {
        take(round - wire.ahead());
      }
    }
  }

  private void give(int round) {
    int length = layout.length(wire.rank(), round, Wire.CHUNK);
    if (length > 0) {
      Payload own =
          wire.encode(
              gathering.encodedBytes(length),
              bytes -> gathering.give(round * Wire.CHUNK, length, bytes));
      wire.sendToAll(own);
      take(wire.rank(), round, length, own.buffer());
      own.release();
    }
  }

  private void take(int round) {
    for (int owner = 0; owner < wire.worldSize(); owner++) {
      int length = layout.length(owner, round, Wire.CHUNK);
      if (owner != wire.rank() && length > 0) {
        int from = owner;
        wire.receive(
            owner, gathering.encodedBytes(length), bytes -> take(from, round, length, bytes));
      }
    }
  }

  private void take(int owner, int round, int length, ByteBuffer bytes) {
    gathering.take(layout.from(owner) + (long) round * Wire.CHUNK, length, bytes);
  }
}
