package io.moraine.model.collective.transport;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.channels.ServerSocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileAttribute;
import java.nio.file.attribute.PosixFilePermission;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.Set;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * A rank's open port, and a Unix-domain socket beside it for ranks of the same host; its address is
 * what the ranks tell each other before they connect. It stays open until all have connected:
 * nobody else can take it.
 */
public final class Listener implements AutoCloseable {

  private static final Logger LOG = LoggerFactory.getLogger(Listener.class);
  private static final int BACKLOG = 128;
  private static final FileAttribute<Set<PosixFilePermission>> OWNER_ALONE =
      PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------"));

  /** What Linux takes as a Unix-domain socket's name. */
  private static final int LONGEST_SOCKET_NAME = 107;

  private final List<ServerSocketChannel> servers;
  private final Address address;

  private Listener(List<ServerSocketChannel> servers, Address address) {
    this.servers = servers;
    this.address = address;
  }

  /**
   * Opens a port that the system chooses.
   *
   * @param host name or address of this machine at which peers reach it
   */
  public static Listener open(String host) {
    return open(host, 0, Optional.empty());
  }

  /**
   * Opens a port of the caller's choice.
   *
   * @param address {@code host:port} of this machine at which peers reach it
   */
  public static Listener at(String address) {
    Address parsed = Address.parse(address);
    return open(parsed.host(), parsed.port(), Optional.empty());
  }

  /**
   * Opens a port that the system chooses, and a Unix-domain socket in a temporary folder of its own
   * that nobody but this user can enter; the folder is gone when the listener is closed. If its
   * name is too long for a socket the port alone is opened and the log says so.
   */
  public static Listener withUnixSocket(String host) {
    try {
      return withUnixSocket(host, Files.createTempDirectory("moraine-", OWNER_ALONE));
    } catch (IOException e) {
      throw new TransportException("cannot make a temporary folder: " + e.getMessage(), e);
    }
  }

  /**
   * The same in a folder that is there and empty.
   *
   * @param folder gone when the listener is closed
   */
  static Listener withUnixSocket(String host, Path folder) {
    return open(host, 0, Optional.of(folder));
  }

  private static Listener open(String host, int port, Optional<Path> folder) {
    List<ServerSocketChannel> servers = new ArrayList<>();
    try {
      ServerSocketChannel server = ServerSocketChannel.open();
      servers.add(server);
      server.bind(new InetSocketAddress(InetAddress.getByName(host), port), BACKLOG);
      int bound = ((InetSocketAddress) server.getLocalAddress()).getPort();
      Optional<Path> socket = Optional.empty();
      if (folder.isPresent()) {
        socket = bindUnix(folder.get(), servers);
      }
      return new Listener(servers, new Address(host, bound, socket));
    } catch (IOException e) {
      closeAll(servers);
      folder.ifPresent(made -> delete(made.resolve("socket")));
      String where = port == 0 ? host : host + ":" + port;
      throw new TransportException("cannot listen on %s: %s".formatted(where, e.getMessage()), e);
    }
  }

  private static Optional<Path> bindUnix(Path folder, List<ServerSocketChannel> servers)
      throws IOException {
    Path file = folder.toAbsolutePath().resolve("socket");
    if (file.toString().getBytes(StandardCharsets.UTF_8).length > LONGEST_SOCKET_NAME) {
      LOG.warn("no Unix-domain socket, TCP alone: its name would be too long: {}", file);
      Files.delete(folder);
      return Optional.empty();
    }
    ServerSocketChannel server = ServerSocketChannel.open(StandardProtocolFamily.UNIX);
    servers.add(server);
    server.bind(UnixDomainSocketAddress.of(file), BACKLOG);
    return Optional.of(file);
  }

  /** {@code host:port}, with {@code unix:file} behind it where there is such a socket. */
  public String address() {
    return address.toString();
  }

  List<ServerSocketChannel> servers() {
    return servers;
  }

  @Override
  public void close() {
    try {
      closeAll(servers);
    } finally {
      address.socket().ifPresent(Listener::delete);
    }
  }

  private static void closeAll(List<ServerSocketChannel> servers) {
    Optional<IOException> failure = Optional.empty();
    for (ServerSocketChannel server : servers) {
      try {
        server.close();
      } catch (IOException e) {
        failure = Optional.of(e);
      }
    }
    if (failure.isPresent()) {
      String why = failure.get().getMessage();
      throw new TransportException("cannot close a listener: " + why, failure.get());
    }
  }

  private static void delete(Path socket) {
    try {
      Files.deleteIfExists(socket);
      Files.deleteIfExists(socket.getParent());
    } catch (IOException e) {
      throw new TransportException("cannot delete %s: %s".formatted(socket, e.getMessage()), e);
    }
  }
}
