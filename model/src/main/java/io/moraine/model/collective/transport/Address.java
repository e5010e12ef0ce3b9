package io.moraine.model.collective.transport;

import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.UnixDomainSocketAddress;
import java.net.UnknownHostException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Where a rank listens, {@code host:port} or {@code host:port unix:file}: ranks of the same host
 * find the file, all others use the port.
 *
 * @param socket the file of its Unix-domain socket
 */
record Address(String host, int port, Optional<Path> socket) {

  private static final String UNIX = " unix:";

  Address {
    if (host.isEmpty() || port < 1 || port > 65535) {
      throw new IllegalArgumentException(
          "an address is host:port with a port in [1, 65535], got %s:%d".formatted(host, port));
    }
  }

  static Address parse(String text) {
    int unix = text.indexOf(UNIX);
    String internet = unix < 0 ? text : text.substring(0, unix);
    int colon = internet.lastIndexOf(':');
    String port = internet.substring(colon + 1);
    if (colon < 1 || !port.matches("\\d{1,5}")) {
      throw new IllegalArgumentException(
          "an address is host:port with a port in [1, 65535], got " + text);
    }
    return new Address(
        internet.substring(0, colon),
        Integer.parseInt(port),
        unix < 0 ? Optional.empty() : Optional.of(Path.of(text.substring(unix + UNIX.length()))));
  }

  /**
   * Looks the host up.
   *
   * @throws UnknownHostException if there is none of this name
   */
  InetSocketAddress internet() throws UnknownHostException {
    return new InetSocketAddress(InetAddress.getByName(host), port);
  }

  Optional<UnixDomainSocketAddress> unix() {
    return socket.map(UnixDomainSocketAddress::of);
  }

  @Override
  public String toString() {
    return host + ":" + port + socket.map(file -> UNIX + file).orElse("");
  }
}
