package io.moraine.model.collective.transport;

import java.time.Duration;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * Connections from this rank to every other: the higher rank connects, the lower accepts. Whoever
 * cannot prove to be a rank of the run is dropped and harms nothing.
 */
public final class Mesh implements AutoCloseable {

  private static final long POLL_MILLIS = 100;

  /** Whose wait of {@link #POLL_MILLIS} takes that long has stood still itself. */
  private static final long STOOD_STILL_NANOS = 1_000_000_000;

  private final MeshConfig config;
  private final Map<Integer, Peer> peers;
  private final PayloadPool pool;
  private final List<String> hosts;

  /** One at a time, in whatever thread. */
  private volatile Running running;

  /**
   * The operation that was begun last.
   *
   * @param waitedNanos for each rank
   */
  private record Running(Tag tag, long[] waitedNanos) {

    boolean isLate(Duration compute) {
      return Arrays.stream(waitedNanos).sum() > compute.toNanos();
    }

    /** Whether another rank was waited for longer than this one, and for how long; else empty. */
    String slower(int than) {
      int slowest = than;
      for (int rank = 0; rank < waitedNanos.length; rank++) {
        slowest = waitedNanos[rank] > waitedNanos[slowest] ? rank : slowest;
      }
      return slowest == than
          ? ""
          : "; rank %d was waited for longest, %d ms"
              .formatted(slowest, waitedNanos[slowest] / 1_000_000);
    }
  }

  private Mesh(MeshConfig config, Map<Integer, Peer> peers, PayloadPool pool, List<String> hosts) {
    this.config = config;
    this.peers = peers;
    this.pool = pool;
    this.hosts = hosts;
    this.running = new Running(Frame.NO_TAG, new long[config.worldSize()]);
  }

  /**
   * Connects to all other ranks, through Unix-domain sockets where they are on this host and listen
   * on one.
   *
   * @param listener this rank's; closed when all are connected
   * @param addresses of every rank ({@link Listener#address}), by rank
   * @throws TransportException if a rank is not there within the deadline of silence
   * @throws UntrustedException if a certificate is not accepted, here or on another rank
   */
  public static Mesh connect(MeshConfig config, Listener listener, List<String> addresses) {
    Map<Integer, Connection> connections = connections(config, listener, addresses);
    PayloadPool pool = new PayloadPool();
    return new Mesh(
        config,
        Peer.ofAll(connections, pool),
        pool,
        addresses.stream().map(a -> Address.parse(a).host()).toList());
  }

  /** A failure names this rank, which other ranks that hear of it do themselves. */
  private static Map<Integer, Connection> connections(
      MeshConfig config, Listener listener, List<String> addresses) {
    String connecting = "connecting rank %d of %d: ".formatted(config.rank(), config.worldSize());
    try {
      return new Connector(config).connect(listener, addresses);
    } catch (UntrustedException e) {
      throw new UntrustedException(connecting + e.getMessage(), e);
    } catch (TransportException e) {
      throw new TransportException(connecting + e.getMessage(), e);
    }
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

  /**
   * A payload around the caller's array, which must not change any more.
   *
   * @throws IllegalArgumentException if it is longer than 2^26 bytes
   */
  public Payload wrap(byte[] bytes) {
    if (bytes.length > Frame.MAX_PAYLOAD_BYTES) {
      throw new IllegalArgumentException(
          "at most %,d bytes can be sent at once, got %,d"
              .formatted(Frame.MAX_PAYLOAD_BYTES, bytes.length));
    }
    return pool.wrap(bytes);
  }

  /**
   * Queues a payload for a peer; it is not copied. The caller may release it at once.
   *
   * @throws TransportException if any rank is lost or silent, or this rank has waited for longer
   *     than the deadline in this operation
   */
  public void send(int peer, Tag tag, Payload payload) {
    Frame frame = Frame.of(Frame.Kind.DATA, tag, payload);
    payload.retain();
    requireNotFailed(peer);
    await(peer, tag, connection -> connection.offer(frame, POLL_MILLIS) ? frame : null);
  }

  /**
   * The next payload from a peer; the caller holds it and has to release it.
   *
   * @param tag of the collective that it has to belong to
   * @throws TransportException if the peer is in another collective, any rank is lost or silent, or
   *     this rank has waited for longer than the deadline in this operation
   */
  public Payload receive(int peer, Tag tag) {
    Frame frame = await(peer, tag, connection -> connection.poll(POLL_MILLIS));
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
    Peer.closeAll(peers.values());
  }

  private interface Attempt {
    Frame on(Peer connection) throws InterruptedException;
  }

  private Frame await(int peer, Tag tag, Attempt attempt) {
    Peer connection = peers.get(peer);
    Running operation = running(tag);
    try {
      while (true) {
        if (operation.isLate(config.compute())) {
          throw new TransportException(
              "rank %d has not done its part within %d ms%s"
                  .formatted(peer, config.compute().toMillis(), operation.slower(peer)));
        }
        boolean isOver = !connection.failure().isEmpty();
        long before = System.nanoTime();
        Frame result = attempt.on(connection);
        long waitedNanos = System.nanoTime() - before;
        boolean stoodStill = waitedNanos > STOOD_STILL_NANOS;
        operation.waitedNanos()[peer] += stoodStill ? 0 : waitedNanos;
        if (result != null) {
          return result;
        }
        if (isOver) {
          requireNotFailed(peer); // what came before the failure has been taken
        }
        if (!stoodStill) { // else what they sent meanwhile is to be heard first
          requireAllAlive();
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

  private Running running(Tag tag) {
    if (!running.tag().equals(tag)) {
      running = new Running(tag, new long[worldSize()]);
    }
    return running;
  }

  private void requireNotFailed(int peer) {
    String failure = peers.get(peer).failure();
    if (!failure.isEmpty()) {
      throw new TransportException("rank %d: %s".formatted(peer, failure));
    }
  }

  /** Also of those that are not waited for now: one that was may itself be waiting for them. */
  private void requireAllAlive() {
    peers.forEach(
        (rank, peer) -> {
          if (peer.isLost()) {
            requireNotFailed(rank);
          }
          if (peer.silentNanos() > config.silence().toNanos()) {
            throw new TransportException(
                "rank %d gives no sign of life for %d ms"
                    .formatted(rank, config.silence().toMillis()));
          }
        });
  }
}
