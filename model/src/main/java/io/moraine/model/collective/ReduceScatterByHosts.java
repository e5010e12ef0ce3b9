package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Payload;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Queue;

/**
 * Every shard summed over all ranks at its owner: first in float32 within each host, at the rank
 * with the owner's number there, then through the codec between the ranks of that number.
 *
 * <p>A chunk of every host's shard takes a round of its own, so that no more is under way than in
 * the flat form; each host begins with the next one's and ends with its own.
 */
final class ReduceScatterByHosts {

  private final Wire wire;
  private final Hosts hosts;
  private final int host;
  private final int local;
  private final ShardLayout layout;
  private final ChunkCoder coder;
  private final FloatReader input;
  private final FloatReader given;
  private final ReduceScatter.RangeEncoder encoder;
  private final ChunkCoder exact = new ChunkCoder(GradientCodec.of("fp32"));
  private final float[] chunk = new float[Wire.CHUNK];
  private final float[] hostSum = new float[Wire.CHUNK];

  /** What this host adds to this rank's shard, until others' contributions are due. */
  private final Queue<Payload> own = new ArrayDeque<>();

  /**
   * Prepares the sum.
   *
   * @param input this rank's contribution to what it sums for its host
   * @param given its contribution to what others of its host sum
   * @param encoder encodes what this rank sums for its host
   */
  ReduceScatterByHosts(
      Wire wire,
      Hosts hosts,
      ShardLayout layout,
      ChunkCoder coder,
      FloatReader input,
      FloatReader given,
      ReduceScatter.RangeEncoder encoder) {
    this.wire = wire;
    this.hosts = hosts;
    this.host = hosts.host(wire.rank());
    this.local = hosts.local(wire.rank());
    this.layout = layout;
    this.coder = coder;
    this.input = input;
    this.given = given;
    this.encoder = encoder;
  }

  void run(float[] shardSum) {
    int rounds = layout.chunks(Wire.CHUNK) * hosts.count();
    for (int round = 0; round < rounds + 2 * wire.ahead(); round++) {
      if (round < rounds) {
        contribute(round);
      }
      if (round >= wire.ahead() && round - wire.ahead() < rounds) {
        sumOfHost(round - wire.ahead());
      }
      if (round >= 2 * wire.ahead()) {
        sumOfAll(round - 2 * wire.ahead(), shardSum);
      }
    }
  }

  private void contribute(int round) {
    for (int turn = 1; turn < hosts.each(); turn++) {
      int number = (local + turn) % hosts.each();
      int owner = hosts.rank(target(round), number);
      int length = length(owner, round);
      if (length > 0) {
        given.read(from(owner, round), chunk, 0, length);
        Payload payload =
            wire.encode(exact.encodedBytes(length), bytes -> exact.encode(chunk, 0, bytes, length));
        wire.send(hosts.rank(host, number), payload);
        payload.release();
      }
    }
  }

  /** In the order of the host's ranks. */
  private void sumOfHost(int round) {
    int owner = hosts.rank(target(round), local);
    int length = length(owner, round);
    if (length == 0) {
      return;
    }
    long from = from(owner, round);
    Arrays.fill(hostSum, 0, length, 0);
    for (int number = 0; number < hosts.each(); number++) {
      if (number == local) {
        input.read(from, chunk, 0, length);
        exact.encodeAdd(chunk, 0, hostSum, 0, length);
      } else {
        wire.receive(
            hosts.rank(host, number),
            exact.encodedBytes(length),
            bytes -> exact.decodeAdd(bytes, hostSum, 0, length));
      }
    }
    Payload payload =
        wire.encode(
            coder.encodedBytes(length), bytes -> encoder.encode(from, hostSum, length, bytes));
    if (owner == wire.rank()) {
      own.add(payload);
    } else {
      wire.send(owner, payload);
      payload.release();
    }
  }

  /** In the order of hosts, whose contributions to a chunk are all there when this host's is. */
  private void sumOfAll(int round, float[] shardSum) {
    int length = length(wire.rank(), round);
    if (target(round) != host || length == 0) {
      return;
    }
    int to = chunkNumber(round) * Wire.CHUNK;
    Arrays.fill(shardSum, to, to + length, 0);
    for (int from = 0; from < hosts.count(); from++) {
      if (from == host) {
        Payload payload = own.remove();
        coder.decodeAdd(payload.buffer(), shardSum, to, length);
        payload.release();
      } else {
        wire.receive(
            hosts.rank(from, local),
            coder.encodedBytes(length),
            bytes -> coder.decodeAdd(bytes, shardSum, to, length));
      }
    }
  }

  /** The host whose shards are summed in a round. */
  private int target(int round) {
    return (host + 1 + round) % hosts.count();
  }

  private int chunkNumber(int round) {
    return round / hosts.count();
  }

  private int length(int owner, int round) {
    return layout.length(owner, chunkNumber(round), Wire.CHUNK);
  }

  private long from(int owner, int round) {
    return layout.from(owner) + (long) chunkNumber(round) * Wire.CHUNK;
  }
}
