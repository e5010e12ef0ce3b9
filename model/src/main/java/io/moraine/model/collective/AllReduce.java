package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Payload;
import java.util.Arrays;

/**
 * Reduce-scatter and all-gather in one: as soon as the owner has the sum of a chunk it encodes it
 * and sends it to everybody, while the next chunks of contributions are under way. Both halves see
 * the same bits as the two collectives one after the other.
 */
final class AllReduce {

  private final Wire wire;
  private final ChunkCoder coder;
  private final float[] values;
  private final ShardLayout layout;
  private final float[] sum = new float[Wire.CHUNK];

  /** Prepares to replace the values by their sum over all ranks. */
  AllReduce(Wire wire, GradientCodec codec, float[] values) {
    this.wire = wire;
    this.coder = new ChunkCoder(codec);
    this.values = values;
    this.layout = new ShardLayout(values.length, wire.worldSize(), GradientCodec.BLOCK);
  }

  void run() {
    int rounds = layout.chunks(Wire.CHUNK);
    for (int round = 0; round < rounds + 2 * wire.ahead(); round++) {
      if (round < rounds) {
        contribute(round);
      }
      // What a rank sends and what its peers await is in the same order on every connection.
      if (round >= wire.ahead() && round - wire.ahead() < rounds) {
        own(round - wire.ahead());
      }
      if (round >= 2 * wire.ahead()) {
        gather(round - 2 * wire.ahead());
      }
    }
  }

  private void contribute(int round) {
    for (int turn = 1; turn < wire.worldSize(); turn++) {
      int owner = wire.peer(turn);
      int length = layout.length(owner, round, Wire.CHUNK);
      if (length > 0) {
        Payload payload = encode(from(owner, round), length, values);
        wire.send(owner, payload);
        payload.release();
      }
    }
  }

  /** Sums this rank's chunk, in the order of ranks, and sends the sum to all. */
  private void own(int round) {
    int length = layout.length(wire.rank(), round, Wire.CHUNK);
    if (length == 0) {
      return;
    }
    int from = from(wire.rank(), round);
    Arrays.fill(sum, 0, length, 0);
    for (int peer = 0; peer < wire.worldSize(); peer++) {
      if (peer == wire.rank()) {
        coder.encodeAdd(values, from, sum, 0, length);
      } else {
        wire.receive(
            peer, coder.encodedBytes(length), bytes -> coder.decodeAdd(bytes, sum, 0, length));
      }
    }
    Payload encoded = encode(0, length, sum);
    wire.sendToAll(encoded);
    coder.decode(encoded.buffer(), values, from, length);
    encoded.release();
  }

  private void gather(int round) {
    for (int owner = 0; owner < wire.worldSize(); owner++) {
      int length = layout.length(owner, round, Wire.CHUNK);
      if (owner != wire.rank() && length > 0) {
        int to = from(owner, round);
        wire.receive(
            owner, coder.encodedBytes(length), bytes -> coder.decode(bytes, values, to, length));
      }
    }
  }

  private Payload encode(int from, int length, float[] src) {
    return wire.encode(coder.encodedBytes(length), bytes -> coder.encode(src, from, bytes, length));
  }

  private int from(int owner, int round) {
    return Math.toIntExact(layout.from(owner) + (long) round * Wire.CHUNK);
  }
}
