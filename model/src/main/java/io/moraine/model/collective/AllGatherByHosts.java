package io.moraine.model.collective;

import io.moraine.model.collective.transport.Payload;
import java.nio.ByteBuffer;
import java.util.ArrayDeque;
import java.util.Queue;

/**
 * All shards to every rank: each crosses to another host once, to the rank with its owner's number
 * there, which passes its bytes on within the host.
 *
 * <p>Rounds as those of {@link ReduceScatterByHosts}.
 */
final class AllGatherByHosts {

  private final Wire wire;
  private final Hosts hosts;
  private final int host;
  private final int local;
  private final ShardLayout layout;
  private final Gathering gathering;

  /** This rank's own chunks, until it is their turn within the host. */
  private final Queue<Payload> own = new ArrayDeque<>();

  /** Prepares the exchange. */
  AllGatherByHosts(Wire wire, Hosts hosts, ShardLayout layout, Gathering gathering) {
    this.wire = wire;
    this.hosts = hosts;
    this.host = hosts.host(wire.rank());
    this.local = hosts.local(wire.rank());
    this.layout = layout;
    this.gathering = gathering;
  }

  void run() {
    int rounds = layout.chunks(Wire.CHUNK) * hosts.count();
    for (int round = 0; round < rounds + 2 * wire.ahead(); round++) {
      if (round < rounds && round % hosts.count() == 0) {
        give(round);
      }
      if (round >= wire.ahead() && round - wire.ahead() < rounds) {
        passOn(round - wire.ahead());
      }
      if (round >= 2 * wire.ahead()) {
        take(round - 2 * wire.ahead());
      }
    }
  }

  /** This rank's chunk to the ranks of its number on other hosts. */
  private void give(int round) {
    int length = length(wire.rank(), round);
    if (length == 0) {
      return;
    }
    int from = chunkNumber(round) * Wire.CHUNK;
    Payload payload =
        wire.encode(gathering.encodedBytes(length), bytes -> gathering.give(from, length, bytes));
    for (int turn = 1; turn < hosts.count(); turn++) {
      wire.send(hosts.rank((host + turn) % hosts.count(), local), payload);
    }
    own.add(payload);
  }

  /** A chunk of one host, its own last, to the others of this host. */
  private void passOn(int round) {
    int owner = hosts.rank(source(round), local);
    int length = length(owner, round);
    if (length == 0) {
      return;
    }
    Payload payload =
        owner == wire.rank()
            ? own.remove()
            : wire.receivePayload(owner, gathering.encodedBytes(length));
    for (int turn = 1; turn < hosts.each(); turn++) {
      wire.send(hosts.rank(host, (local + turn) % hosts.each()), payload);
    }
    Wire.use(owner, payload, bytes -> take(owner, round, length, bytes));
    payload.release();
  }

  private void take(int round) {
    for (int number = 0; number < hosts.each(); number++) {
      int owner = hosts.rank(source(round), number);
      int length = length(owner, round);
      if (number != local && length > 0) {
        wire.receive(
            hosts.rank(host, number),
            gathering.encodedBytes(length),
            bytes -> take(owner, round, length, bytes));
      }
    }
  }

  private void take(int owner, int round, int length, ByteBuffer bytes) {
    gathering.take(layout.from(owner) + (long) chunkNumber(round) * Wire.CHUNK, length, bytes);
  }

  /** The host whose shards are passed on in a round. */
  private int source(int round) {
    return (host + 1 + round) % hosts.count();
  }

  private int chunkNumber(int round) {
    return round / hosts.count();
  }

  private int length(int owner, int round) {
    return layout.length(owner, chunkNumber(round), Wire.CHUNK);
  }
}
