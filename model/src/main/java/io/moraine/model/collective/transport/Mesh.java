package io.moraine.model.collective.transport;

import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketTimeoutException;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;

/**
 * Connections from this rank to every other: the higher rank connects, the lower accepts. Whoever
 * cannot prove to be a rank of the run is dropped and harms nothing.
 */
public final class Mesh implements AutoCloseable {

  private static final int HANDSHAKE_MILLIS = 5000;
  private static final long POLL_MILLIS = 100;

  private final MeshConfig config;
  private final Map<Integer, Peer> peers;
  private final AtomicLong sentBytes;

  private Mesh(MeshConfig config, Map<Integer, Peer> peers, AtomicLong sentBytes) {
    this.config = config;
    this.peers = peers;
    this.sentBytes = sentBytes;
  }

  /**
   * Connects to all other ranks.
   *
   * @param listener this rank's; closed when all are connected
   * @param addresses {@code host:port} of every rank, by rank
   * @throws TransportException if a rank is not there within the deadline of silence
   */
  public static Mesh connect(MeshConfig config, Listener listener, List<String> addresses) {
    if (addresses.size() != config.worldSize()) {
      throw new IllegalArgumentException(
          "%d ranks need as many addresses, got %d"
              .formatted(config.worldSize(), addresses.size()));
    }
    AtomicLong sentBytes = new AtomicLong();
    Map<Integer, Socket> sockets = new ConcurrentHashMap<>();
    long deadline = System.nanoTime() + config.silence().toNanos();
    try (listener) {
      for (int peer = 0; peer < config.rank(); peer++) {
        sockets.put(peer, call(config, peer, addresses.get(peer), deadline));
      }
      accept(config, listener, sockets, deadline);
    }
    Map<Integer, Peer> peers = new HashMap<>();
    sockets.forEach((peer, socket) -> peers.put(peer, new Peer(peer, socket, sentBytes)));
    return new Mesh(config, peers, sentBytes);
  }

  /** A mesh of one rank. */
  public static Mesh alone(MeshConfig config) {
    return new Mesh(config, Map.of(), new AtomicLong());
  }

  public int rank() {
    return config.rank();
  }

  public int worldSize() {
    return config.worldSize();
  }

  /** Bytes sent to all peers so far, headers included. */
  public long sentBytes() {
    return sentBytes.get();
  }

  /**
   * Queues a payload for a peer; it is not copied and must not change afterwards.
   *
   * @throws TransportException if the peer is lost or takes nothing within the deadline
   */
  public void send(int peer, byte[] payload) {
    await(
        peer,
        "takes no data",
        connection -> connection.offer(payload, POLL_MILLIS) ? payload : null);
  }

  /**
   * The next payload from a peer.
   *
   * @throws TransportException if the peer is lost, silent or too slow
   */
  public byte[] receive(int peer) {
    return await(peer, "sends no data", connection -> connection.poll(POLL_MILLIS));
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
    byte[] on(Peer connection) throws InterruptedException;
  }

  private byte[] await(int peer, String complaint, Attempt attempt) {
    Peer connection = peers.get(peer);
    long start = System.nanoTime();
    try {
      while (true) {
        byte[] result = attempt.on(connection);
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
        if (System.nanoTime() - start > config.compute().toNanos()) {
          throw new TransportException(
              "rank %d %s for %d ms".formatted(peer, complaint, config.compute().toMillis()));
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

  private static Socket call(MeshConfig config, int peer, String address, long deadline) {
    int colon = address.lastIndexOf(':');
    InetSocketAddress target =
        new InetSocketAddress(
            address.substring(0, colon), Integer.parseInt(address.substring(colon + 1)));
    IOException last = new IOException("no attempt");
    boolean answered = false;
    while (System.nanoTime() < deadline && !config.isCancelled().getAsBoolean()) {
      Socket socket = new Socket();
      try {
        socket.connect(target, HANDSHAKE_MILLIS);
        prepare(socket);
        int found = new Handshake(config).perform(socket);
        if (found != peer) {
          throw new IOException("rank %d answers there".formatted(found));
        }
        socket.setSoTimeout(0);
        return socket;
      } catch (IOException e) {
        boolean isAnswer = !(e instanceof ConnectException);
        if (isAnswer || !answered) {
          last = e; // what an answer said tells more than that nobody answers any more
        }
        answered |= isAnswer;
        closeQuietly(socket);
        pause();
      }
    }
    throw new TransportException(
        "rank %d cannot be reached at %s: %s".formatted(peer, address, last.getMessage()), last);
  }

  private static void accept(
      MeshConfig config, Listener listener, Map<Integer, Socket> sockets, long deadline) {
    int expected = config.worldSize() - 1;
    try {
      listener.server().setSoTimeout((int) POLL_MILLIS);
      while (sockets.size() < expected) {
        if (System.nanoTime() > deadline || config.isCancelled().getAsBoolean()) {
          throw new TransportException(
              "rank %s did not connect".formatted(missing(config, sockets)));
        }
        try {
          Socket socket = listener.server().accept();
          Thread thread = new Thread(() -> admit(config, socket, sockets), "moraine handshake");
          thread.setDaemon(true);
          thread.start();
        } catch (SocketTimeoutException e) {
          // Nobody called in this while: look at the deadline again.
        }
      }
    } catch (IOException e) {
      throw new TransportException("cannot accept: " + e.getMessage(), e);
    }
  }

  /** Lets a caller in that proves to be a higher rank that is not there yet. */
  private static void admit(MeshConfig config, Socket socket, Map<Integer, Socket> sockets) {
    try {
      prepare(socket);
      int peer = new Handshake(config).perform(socket);
      socket.setSoTimeout(0);
      if (peer <= config.rank()
          || peer >= config.worldSize()
          || sockets.putIfAbsent(peer, socket) != null) {
        closeQuietly(socket);
      }
    } catch (IOException e) {
      closeQuietly(socket);
    }
  }

  private static Set<Integer> missing(MeshConfig config, Map<Integer, Socket> sockets) {
    Set<Integer> missing = new TreeSet<>();
    for (int peer = config.rank() + 1; peer < config.worldSize(); peer++) {
      missing.add(peer);
    }
    missing.removeAll(sockets.keySet());
    return missing;
  }

  private static void prepare(Socket socket) throws IOException {
    socket.setTcpNoDelay(true);
    socket.setSoTimeout(HANDSHAKE_MILLIS);
  }

  private static void closeQuietly(Socket socket) {
    try {
      socket.close();
    } catch (IOException e) {
      // It is of no use to anybody any more.
    }
  }

  private static void pause() {
    try {
      Thread.sleep(POLL_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
