package io.moraine.model.collective.transport;

import java.io.Closeable;
import java.io.IOException;
import java.net.ConnectException;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;

/**
 * Makes the connections of one rank: the higher rank calls, the lower one accepts. Whoever cannot
 * prove to be a rank of the run is dropped and harms nothing.
 */
final class Connector {

  private static final int HANDSHAKE_MILLIS = 5000;
  private static final long POLL_MILLIS = 100;

  /** Four chunks; the system's own choice is less than one. TCP's grows by itself. */
  private static final int UNIX_BUFFER_BYTES = 1 << 20;

  private final MeshConfig config;
  private final long deadlineNanos;

  /** By rank; guarded by this object, as is whether callers are still let in. */
  private final Map<Integer, Connection> connections = new TreeMap<>();

  private boolean isOver;

  /** Why the last caller was not let in; empty if all were. Guarded likewise. */
  private String refusal = "";

  Connector(MeshConfig config) {
    this.config = config;
    this.deadlineNanos = System.nanoTime() + config.silence().toNanos();
  }

  /** Connects to all others; closes the listener, and on failure whatever was connected. */
  Map<Integer, Connection> connect(Listener listener, List<String> addresses) {
    try (listener) {
      if (addresses.size() != config.worldSize()) {
        throw new IllegalArgumentException(
            "%d ranks need as many addresses, got %d"
                .formatted(config.worldSize(), addresses.size()));
      }
      for (int peer = 0; peer < config.rank(); peer++) {
        call(peer, Address.parse(addresses.get(peer)));
      }
      acceptAll(listener);
      return end();
    } catch (RuntimeException e) {
      end().values().forEach(Connector::closeQuietly);
      throw e;
    }
  }

  private synchronized Map<Integer, Connection> end() {
    isOver = true;
    return connections;
  }

  private void call(int peer, Address address) {
    IOException last = new ConnectException("no attempt");
    while (!isLate()) {
      try {
        Connection connection = callOnce(peer, address);
        synchronized (this) {
          connections.put(peer, connection);
        }
        return;
      } catch (IOException e) {
        last = telling(e) >= telling(last) ? e : last;
        pause();
      }
    }
    throw new TransportException(
        "rank %d cannot be reached at %s: %s".formatted(peer, address, last.getMessage()), last);
  }

  /** How much a failure tells: why, that somebody was there, or that nobody answers any more. */
  private static int telling(IOException e) {
    if (e instanceof RefusedException) {
      return 2;
    }
    return e instanceof ConnectException ? 0 : 1;
  }

  private Connection callOnce(int peer, Address address) throws IOException {
    Optional<UnixDomainSocketAddress> unix =
        address.unix().filter(socket -> Files.exists(socket.getPath()));
    if (unix.isPresent()) {
      try {
        return call(peer, SocketChannel.open(StandardProtocolFamily.UNIX), unix.get());
      } catch (ConnectException e) {
        // A file that another host made in a folder that both see.
      }
    }
    return call(peer, SocketChannel.open(), address.internet());
  }

  private Connection call(int peer, SocketChannel channel, SocketAddress target)
      throws IOException {
    try (TimedChannel timed = new TimedChannel(channel, HANDSHAKE_MILLIS)) {
      timed.connect(target);
      Met met = meet(channel, timed, Tls::caller);
      if (met.rank() != peer) {
        throw new RefusedException("rank %d answers there".formatted(met.rank()));
      }
      return met.connection();
    } catch (IOException e) {
      closeQuietly(channel);
      throw e;
    }
  }

  private void acceptAll(Listener listener) {
    try (Selector selector = Selector.open()) {
      for (ServerSocketChannel server : listener.servers()) {
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
      }
      while (!missing().isEmpty()) {
        if (isLate()) {
          throw new TransportException("rank %s did not connect%s".formatted(missing(), refusal()));
        }
        selector.select(POLL_MILLIS);
        for (SelectionKey key : selector.selectedKeys()) {
          accept((ServerSocketChannel) key.channel());
        }
        selector.selectedKeys().clear();
      }
    } catch (IOException e) {
      throw new TransportException("cannot accept: " + e.getMessage(), e);
    }
  }

  private void accept(ServerSocketChannel server) throws IOException {
    SocketChannel channel = server.accept();
    if (channel != null) {
      Thread thread = new Thread(() -> admit(channel), "moraine handshake");
      thread.setDaemon(true);
      thread.start();
    }
  }

  /** Lets a caller in that proves to be a higher rank that is not there yet. */
  private void admit(SocketChannel channel) {
    Met met;
    try (TimedChannel timed = new TimedChannel(channel, HANDSHAKE_MILLIS)) {
      met = meet(channel, timed, Tls::called);
    } catch (IOException e) {
      refuse(e);
      closeQuietly(channel);
      return;
    }
    synchronized (this) {
      if (isOver || !missing().contains(met.rank())) {
        closeQuietly(channel);
      } else {
        connections.put(met.rank(), met.connection());
      }
    }
  }

  /** Who is at the other end. */
  private record Met(int rank, Connection connection) {}

  private Met meet(SocketChannel channel, TimedChannel timed, Function<Tls, TlsStream> end)
      throws IOException {
    prepare(channel);
    if (config.tls().isEmpty() || isUnix(channel)) {
      int rank = new Handshake(config).perform(timed);
      return new Met(rank, new Connection(channel, isUnix(channel), Optional.empty()));
    }
    TlsStream tls = end.apply(config.tls().get());
    tls.shakeHands(timed);
    int rank = new Handshake(config, tls.certificateDigests()).perform(new TlsChannel(tls, timed));
    return new Met(rank, new Connection(channel, false, Optional.of(tls)));
  }

  private synchronized void refuse(IOException e) {
    if (e instanceof RefusedException || refusal.isEmpty()) {
      refusal = "; a caller was refused: " + e.getMessage();
    }
  }

  private synchronized String refusal() {
    return refusal;
  }

  /** Higher ranks that have not called. */
  private synchronized Set<Integer> missing() {
    Set<Integer> missing = new TreeSet<>();
    for (int peer = config.rank() + 1; peer < config.worldSize(); peer++) {
      missing.add(peer);
    }
    missing.removeAll(connections.keySet());
    return missing;
  }

  private boolean isLate() {
    return System.nanoTime() > deadlineNanos
        || config.isCancelled().getAsBoolean()
        || Thread.currentThread().isInterrupted();
  }

  private static void prepare(SocketChannel channel) throws IOException {
    if (isUnix(channel)) {
      channel.setOption(StandardSocketOptions.SO_SNDBUF, UNIX_BUFFER_BYTES);
    } else {
      channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
    }
  }

  private static boolean isUnix(SocketChannel channel) throws IOException {
    return channel.getRemoteAddress() instanceof UnixDomainSocketAddress;
  }

  private static void closeQuietly(Closeable channel) {
    try {
      channel.close();
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
