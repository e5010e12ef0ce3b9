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
import java.util.ArrayDeque;
import java.util.Collection;
import java.util.Collections;
import java.util.Comparator;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.IntPredicate;
import java.util.stream.Collectors;

/**
 * Makes the connections of one rank: the higher rank calls, the lower one accepts. Whoever cannot
 * prove to be a rank of the run is dropped and harms nothing: callers have {@link
 * #HANDSHAKE_MILLIS} for it, and of those who have not yet done it there are never more than {@link
 * #MOST_STRANGERS} and the ranks themselves.
 *
 * <p>A certificate that is not accepted is tried {@link #CERTIFICATE_ATTEMPTS} times. A caller
 * knows which address it called; it tells all other ranks, which may never hear of it otherwise.
 */
final class Connector {

  private static final int HANDSHAKE_MILLIS = 5000;
  private static final int NOTICE_MILLIS = 1000;
  private static final long POLL_MILLIS = 100;
  private static final int CERTIFICATE_ATTEMPTS = 3;

  /** Each costs a thread and some 100 KiB. */
  static final int MOST_STRANGERS = 64;

  /** Four chunks; the system's own choice is less than one. TCP's grows by itself. */
  private static final int UNIX_BUFFER_BYTES = 1 << 20;

  private final MeshConfig config;
  private final long deadlineNanos;

  /** By rank; guarded by this object, as is whether callers are still let in. */
  private final Map<Integer, Connection> connections = new TreeMap<>();

  /** Number of the call by which a rank was let in; guarded likewise. */
  private final Map<Integer, Integer> admittedCalls = new TreeMap<>();

  /** Callers who have not said who they are, the first one first; guarded likewise. */
  private final Deque<TimedChannel> pending = new ArrayDeque<>();

  private int calls;
  private boolean isOver;

  /** Why the last caller was not let in; empty if all were. Guarded likewise. */
  private String refusal = "";

  /** What another rank gives up for; guarded likewise. */
  private Optional<Notice> notice = Optional.empty();

  Connector(MeshConfig config) {
    this.config = config;
    this.deadlineNanos = System.nanoTime() + config.silence().toNanos();
  }

  /**
   * Connects to all others; closes the listener, and on failure whatever was connected.
   *
   * @throws UntrustedException if a certificate is not accepted, here or on another rank
   */
  Map<Integer, Connection> connect(Listener listener, List<String> addresses) {
    try (listener;
        Selector selector = Selector.open()) {
      if (addresses.size() != config.worldSize()) {
        throw new IllegalArgumentException(
            "%d ranks need as many addresses, got %d"
                .formatted(config.worldSize(), addresses.size()));
      }
      List<Address> parsed = addresses.stream().map(Address::parse).toList();
      for (ServerSocketChannel server : listener.servers()) {
        server.configureBlocking(false);
        server.register(selector, SelectionKey.OP_ACCEPT);
      }
      for (int peer = 0; peer < config.rank(); peer++) {
        call(peer, parsed.get(peer), selector);
      }
      acceptAll(selector);
      return end();
    } catch (IOException e) {
      TransportException failure = new TransportException("cannot accept: " + e.getMessage(), e);
      giveUp(failure, addresses);
      throw failure;
    } catch (RuntimeException | Error e) {
      giveUp(e, addresses);
      throw e;
    }
  }

  private synchronized Map<Integer, Connection> end() {
    isOver = true;
    pending.forEach(TimedChannel::abandon);
    return connections;
  }

  private void giveUp(Throwable e, List<String> addresses) {
    Map<Integer, Connection> connected = end();
    if (e instanceof UntrustedException) {
      tellAll(new Notice(config.rank(), e.getMessage()), addresses);
    }
    // Who does not listen any more is connected to all and reads frames.
    Collection<Peer> peers = Peer.ofAll(connected, new PayloadPool()).values();
    peers.forEach(peer -> peer.abort(e.toString()));
    Peer.closeAll(peers);
  }

  private void tellAll(Notice given, List<String> addresses) {
    for (int peer = 0; peer < addresses.size() && isFirst(); peer++) {
      if (peer != config.rank()) {
        tell(Address.parse(addresses.get(peer)), given);
      }
    }
  }

  /** Whether no other rank has told of it before. */
  private synchronized boolean isFirst() {
    return notice.isEmpty();
  }

  private void call(int peer, Address address, Selector selector) throws IOException {
    IOException last = new ConnectException("no attempt");
    int untrusted = 0;
    while (!isLate()) {
      try {
        Connection connection = callOnce(peer, address);
        synchronized (this) {
          connections.put(peer, connection);
        }
        return;
      } catch (IOException e) {
        untrusted = isForCertificate(e) ? untrusted + 1 : 0;
        if (untrusted == CERTIFICATE_ATTEMPTS) {
          throw untrusted(peer, address, e);
        }
        last = telling(e) >= telling(last) ? e : last;
        accept(selector);
      }
    }
    requireNotCancelled();
    throw new TransportException(
        "rank %d cannot be reached at %s: %s".formatted(peer, address, last.getMessage()), last);
  }

  private static boolean isForCertificate(IOException e) {
    return e instanceof RefusedException refused && refused.isForCertificate();
  }

  private static UntrustedException untrusted(int peer, Address address, IOException e) {
    return new UntrustedException(
        "rank %d at %s: %s. Each rank's truststore has to hold the certificates of all ranks or who signed them, and their time must not be over."
            .formatted(peer, address, e.getMessage()),
        e);
  }

  /** How much a failure tells: why, that somebody was there, or that nobody answers any more. */
  private static int telling(IOException e) {
    if (e instanceof RefusedException) {
      return 2;
    }
    return e instanceof ConnectException ? 0 : 1;
  }

  private Connection callOnce(int peer, Address address) throws IOException {
    return reach(address, (channel, target) -> call(peer, channel, target));
  }

  /** What is done at an address. */
  private interface Errand<T> {
    T at(SocketChannel channel, SocketAddress target) throws IOException;
  }

  private static <T> T reach(Address address, Errand<T> errand) throws IOException {
    Optional<UnixDomainSocketAddress> unix =
        address.unix().filter(socket -> Files.exists(socket.getPath()));
    if (unix.isPresent()) {
      try {
        return errand.at(SocketChannel.open(StandardProtocolFamily.UNIX), unix.get());
      } catch (ConnectException e) {
        // A file that another host made in a folder that both see.
      }
    }
    SocketAddress internet = address.internet(); // before there is anything to close
    return errand.at(SocketChannel.open(), internet);
  }

  private Connection call(int peer, SocketChannel channel, SocketAddress target)
      throws IOException {
    try (TimedChannel timed = new TimedChannel(channel, HANDSHAKE_MILLIS)) {
      timed.connect(target);
      return meet(channel, timed, Tls::caller, rank -> rank == peer).connection();
    } catch (IOException e) {
      closeQuietly(channel);
      throw e;
    }
  }

  private void tell(Address address, Notice given) {
    try {
      reach(
          address,
          (channel, target) -> {
            try (channel;
                TimedChannel timed = new TimedChannel(channel, NOTICE_MILLIS)) {
              timed.connect(target);
              given.write(config, timed);
              return given;
            }
          });
    } catch (IOException e) {
      // It has ended, or hears of it when it calls.
    }
  }

  private void acceptAll(Selector selector) throws IOException {
    while (!missing().isEmpty()) {
      if (isLate()) {
        requireNotCancelled();
        throw new TransportException("rank %s did not connect%s".formatted(missing(), refusal()));
      }
      accept(selector);
    }
  }

  /** Lets those in who call, for a while. */
  private void accept(Selector selector) throws IOException {
    selector.select(POLL_MILLIS);
    for (SelectionKey key : selector.selectedKeys()) {
      accept((ServerSocketChannel) key.channel());
    }
    selector.selectedKeys().clear();
    requireNoNotice();
  }

  private void accept(ServerSocketChannel server) throws IOException {
    SocketChannel channel = server.accept();
    for (int i = 0; i < MOST_STRANGERS && channel != null; i++) {
      listenTo(channel);
      channel = server.accept();
    }
    if (channel != null) {
      listenTo(channel);
    }
  }

  private void listenTo(SocketChannel channel) {
    try {
      TimedChannel timed = new TimedChannel(channel, HANDSHAKE_MILLIS);
      makeRoom(timed);
      int call = calls++;
      Thread thread = new Thread(() -> admit(channel, timed, call), "moraine handshake");
      thread.setDaemon(true);
      thread.start();
    } catch (IOException e) {
      refuse(e);
      closeQuietly(channel);
    }
  }

  /** A rank is through in no time, and rarely comes from where most strangers do. */
  private synchronized void makeRoom(TimedChannel caller) {
    if (pending.size() >= MOST_STRANGERS + config.worldSize()) {
      Map<String, List<TimedChannel>> byHost =
          pending.stream().collect(Collectors.groupingBy(TimedChannel::host));
      TimedChannel longest =
          Collections.max(byHost.values(), Comparator.comparingInt(List::size)).get(0);
      longest.abandon();
      pending.remove(longest);
    }
    pending.add(caller);
  }

  /** Lets a caller in that proves to be a higher rank. */
  private void admit(SocketChannel channel, TimedChannel timed, int call) {
    Optional<Met> met = Optional.empty();
    try (timed) {
      if (timed.peekInt() == Notice.MAGIC) {
        heed(Notice.read(config, timed));
      } else {
        met = Optional.of(meet(channel, timed, Tls::called, rank -> rank > config.rank()));
      }
    } catch (IOException e) {
      refuse(e);
      met = Optional.empty();
    } finally {
      forget(timed);
      met.ifPresentOrElse(found -> admit(found, call), () -> closeQuietly(channel));
    }
  }

  /** Who calls again has given up the call before, though it may be answered later. */
  private synchronized void admit(Met met, int call) {
    if (isOver || admittedCalls.getOrDefault(met.rank(), -1) > call) {
      closeQuietly(met.connection());
      return;
    }
    admittedCalls.put(met.rank(), call);
    Optional.ofNullable(connections.put(met.rank(), met.connection()))
        .ifPresent(Connector::closeQuietly);
  }

  private synchronized void forget(TimedChannel caller) {
    pending.remove(caller);
  }

  private synchronized void heed(Notice given) {
    notice = Optional.of(given);
  }

  private synchronized void requireNoNotice() {
    if (notice.isPresent()) {
      throw new UntrustedException(
          "rank %d gave up: %s%s".formatted(notice.get().rank(), notice.get().why(), refusal()));
    }
  }

  /** Who is at the other end. */
  private record Met(int rank, Connection connection) {}

  private Met meet(
      SocketChannel channel,
      TimedChannel timed,
      Function<Tls, TlsStream> end,
      IntPredicate isExpected)
      throws IOException {
    prepare(channel);
    if (config.tls().isEmpty() || isUnix(channel)) {
      int rank = new Handshake(config).perform(timed, isExpected);
      return new Met(rank, new Connection(channel, isUnix(channel), Optional.empty()));
    }
    TlsStream tls = end.apply(config.tls().get());
    tls.shakeHands(timed);
    int rank =
        new Handshake(config, tls.certificateDigests())
            .perform(new TlsChannel(tls, timed), isExpected);
    tls.widen();
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
    return System.nanoTime() > deadlineNanos || isCancelled();
  }

  private boolean isCancelled() {
    return config.isCancelled().getAsBoolean() || Thread.currentThread().isInterrupted();
  }

  private void requireNotCancelled() {
    if (isCancelled()) {
      throw new TransportException("cancelled while ranks connect");
    }
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

  static void closeQuietly(Closeable channel) {
    try {
      channel.close();
    } catch (IOException e) {
      // It is of no use to anybody any more.
    }
  }
}
