package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.Payload;
import io.moraine.model.collective.transport.Tag;
import io.moraine.model.collective.transport.TransportException;
import java.nio.ByteBuffer;
import java.util.function.Consumer;

/**
 * What one run of a collective sends and receives. The large collectives but a broadcast proceed in
 * rounds, a chunk to and from every peer in each, and a chunk is awaited {@code ahead} rounds after
 * its own round, so that there is always something to encode, to send, to receive and to decode. A
 * rank that awaits chunks of a peer is thus at most {@code ahead + 1} rounds ahead of it, and that
 * peer has read all but its last {@code ahead + 1} rounds: {@code 2 ahead + 2} chunks at most lie
 * between the two, which the queues hold. A rank that only sends waits for room in the queues.
 * Nobody waits in a circle.
 *
 * @param ahead rounds between sending a chunk and awaiting those of the peers
 */
record Wire(Mesh mesh, Tag tag, int ahead) {

  /** Elements that are encoded, sent and decoded at a time: 256 KiB of float32. */
  static final int CHUNK = 1 << 16;

  /** Rounds ahead, measured beside others: docs/benchmarks/collectives_2core_202611.md. */
  static final int AHEAD = 2;

  /** Writes a chunk's bytes, as many as it has, from the buffer's position on. */
  @FunctionalInterface
  interface Encoding {
    void into(ByteBuffer bytes);
  }

  int rank() {
    return mesh.rank();
  }

  int worldSize() {
    return mesh.worldSize();
  }

  /** The rank that is sent to in this turn, from 1: each rank begins with its next one. */
  int peer(int turn) {
    return (rank() + turn) % worldSize();
  }

  /** A payload of what is written, at most so many bytes; the caller holds it. */
  Payload encode(int most, Encoding encoding) {
    Payload payload = mesh.allocate(most);
    ByteBuffer bytes = payload.buffer();
    encoding.into(bytes);
    payload.cut(bytes.position());
    return payload;
  }

  void send(int peer, Payload payload) {
    mesh.send(peer, tag, payload);
  }

  void sendToAll(Payload payload) {
    for (int turn = 1; turn < worldSize(); turn++) {
      send(peer(turn), payload);
    }
  }

  /**
   * Hands the next payload from a peer, of at most so many bytes, to a user who must not keep it.
   */
  void receive(int peer, int most, Consumer<ByteBuffer> user) {
    Payload payload = receivePayload(peer, most);
    use(peer, payload, user);
    payload.release();
  }

  /** The next payload from a peer, of at most so many bytes; the caller holds it. */
  Payload receivePayload(int peer, int most) {
    Payload payload = mesh.receive(peer, tag);
    if (payload.length() > most) {
      throw new TransportException(
          "rank %d sent %d bytes where at most %d were due: the ranks do not run the same operation"
              .formatted(peer, payload.length(), most));
    }
    return payload;
  }

  /** A payload whose checksum is right but that does not fit is one of another operation. */
  static void use(int peer, Payload payload, Consumer<ByteBuffer> user) {
    try {
      user.accept(payload.buffer());
    } catch (DamagedPayloadException e) {
      throw new TransportException(
          "rank %d sent something else: %s: the ranks do not run the same operation"
              .formatted(peer, e.getMessage()),
          e);
    }
  }

  /** Bytes from a peer, which have to be so many. */
  static byte[] requireLength(int peer, byte[] bytes, int due) {
    if (bytes.length != due) {
      throw new TransportException(
          "rank %d sent %d bytes where %d were due: the ranks do not run the same operation"
              .formatted(peer, bytes.length, due));
    }
    return bytes;
  }

  /** A count that a peer sent. */
  static int requireCount(int peer, int count) {
    if (count < 0) {
      throw new TransportException("rank %d sent a count below 0: %d".formatted(peer, count));
    }
    return count;
  }

  /** The next payload from a peer, of any length. */
  byte[] receive(int peer) {
    Payload payload = mesh.receive(peer, tag);
    byte[] bytes = payload.toBytes();
    payload.release();
    return bytes;
  }
}
