package io.moraine.model.collective.transport;

import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * Connections from this rank to every other: the higher rank connects, the lower accepts. Whoever
 * cannot prove to be a rank of the run is dropped and harms nothing.
 */
public final class Mesh implements AutoCloseable {

  private static final long POLL_MILLIS = 100;

  private final MeshConfig config;
  private final Map<Integer, Peer> peers;
  private final PayloadPool pool;
  private final List<String> hosts;

  /** One at a time, in whatever thread. */
  private volatile Running running = new Running(Frame.NO_TAG, System.nanoTime());

  /** The operation that was begun last. */
  private record Running(Tag tag, long beginNanos) {}

  private Mesh(MeshConfig config, Map<Integer, Peer> peers, PayloadPool pool, List<String> hosts) {
    this.config = config;
    this.peers = peers;
    this.pool = pool;
    this.hosts = hosts;
  }

  /**
   * Connects to all other ranks, through Unix-domain sockets where they are on this host and listen
   * on one.
   *
   * @param listener this rank's; closed when all are connected
   * @param addresses of every rank ({@link Listener#address}), by rank
   * @throws TransportException if a rank is not there within the deadline of silence
   */
  public static Mesh connect(MeshConfig config, Listener listener, List<String> addresses) {
    Map<Integer, Connection> connections = new Connector(config).connect(listener, addresses);
    PayloadPool pool = new PayloadPool();
    Map<Integer, Peer> peers = new HashMap<>();
    connections.forEach((peer, connection) -> peers.put(peer, new Peer(peer, connection, pool)));
    return new Mesh(
        config, peers, pool, addresses.stream().map(a -> Address.parse(a).host()).toList());
  }

  /** A mesh of one rank. */
  public static Mesh alone(MeshConfig config) {
    return new Mesh(config, Map.of(), new PayloadPool(), List.of(""));
  }

  public int rank() {
    return config.rank();
  }

  public int worldSize() {
    return config.worldSize();
  }

  /**
   * Bytes that were handed over for all peers so far, headers included; heartbeats and what TLS
   * adds are not. The same from run to run, whenever they leave.
   */
  public long sentBytes() {
    return peers.values().stream().mapToLong(Peer::sentBytes).sum();
  }

  /** Bytes of these sent to one peer. */
  public long sentBytes(int peer) {
    return peers.get(peer).sentBytes();
  }

  /** The hosts of all ranks as their addresses name them, by rank. */
  public List<String> hosts() {
    return hosts;
  }

  /** Peers that are connected through Unix-domain sockets. */
  public int unixPeers() {
    return (int) peers.values().stream().filter(Peer::isUnix).count();
  }

  /** A payload to fill and send; the caller holds it and has to release it. */
  public Payload allocate(int length) {
    return pool.allocate(length);
  }

  /** A payload around the caller's array, which must not change any more. */
  public Payload wrap(byte[] bytes) {
    return pool.wrap(bytes);
  }

  /**
   * Queues a payload for a peer; it is not copied. The caller may release it at once.
   *
   * @throws TransportException if the peer is lost or has not taken all that the operation sends
   *     within the deadline, which begins with its first frame
   */
  public void send(int peer, Tag tag, Payload payload) {
    Frame frame = Frame.of(Frame.Kind.DATA, tag, payload);
    payload.retain();
    await(
        peer,
        tag,
        "has not taken all",
        connection -> connection.offer(frame, POLL_MILLIS) ? frame : null);
  }

  /**
   * The next payload from a peer; the caller holds it and has to release it.
   *
   * @param tag of the collective that it has to belong to
   * @throws TransportException if the peer is lost, silent or in another collective, or has not
   *     sent all of this one within the deadline, which begins with its first frame
   */
  public Payload receive(int peer, Tag tag) {
    Frame frame = await(peer, tag, "has not sent all", connection -> connection.poll(POLL_MILLIS));
    if (!frame.tag().equals(tag)) {
      throw new TransportException(
          "rank %d runs %s, this rank %s".formatted(peer, frame.tag(), tag));
    }
    return frame.payload();
  }

  /** Tells every peer that this rank gives up, and why. */
  public void abort(String reason) {
    peers.values().forEach(peer -> peer.abort(reason));
  }

  @Override
  public void close() {
    peers.values().forEach(Peer::close);
  }

  private interface Attempt {
    Frame on(Peer connection) throws InterruptedException;
  }

  private Frame await(int peer, Tag tag, String complaint, Attempt attempt) {
    Peer connection = peers.get(peer);
    if (!running.tag().equals(tag)) {
      running = new Running(tag, System.nanoTime());
    }
    try {
      while (true) {
        Frame result = attempt.on(connection);
        if (result != null) {
          return result;
        }
        if (!connection.failure().isEmpty()) {
          result = attempt.on(connection);
          if (result != null) {
            return result;
          }
          throw new TransportException("rank %d: %s".formatted(peer, connection.failure()));
        }
        if (connection.silentNanos() > config.silence().toNanos()) {
          throw new TransportException(
              "rank %d gives no sign of life for %d ms"
                  .formatted(peer, config.silence().toMillis()));
        }
        if (System.nanoTime() - running.beginNanos() > config.compute().toNanos()) {
          throw new TransportException(
              "rank %d %s within %d ms".formatted(peer, complaint, config.compute().toMillis()));
        }
        if (config.isCancelled().getAsBoolean()) {
          throw new TransportException("cancelled while waiting for rank %d".formatted(peer));
        }
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new TransportException("interrupted while waiting for rank %d".formatted(peer), e);
    }
  }
}
