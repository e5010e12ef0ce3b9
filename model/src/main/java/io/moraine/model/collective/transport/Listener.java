package io.moraine.model.collective.transport;

import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;

/** A rank's open port; its address is what the ranks tell each other before they connect. */
public final class Listener implements AutoCloseable {

  private final ServerSocket server;
  private final String host;

  private Listener(ServerSocket server, String host) {
    this.server = server;
    this.host = host;
  }

  /**
   * Opens a port that the system chooses, and keeps it open: nobody else can take it.
   *
   * @param host name or address of this machine at which peers reach it
   */
  public static Listener open(String host) {
    try {
      ServerSocket server = new ServerSocket();
      server.bind(new InetSocketAddress(InetAddress.getByName(host), 0), 128);
      return new Listener(server, host);
    } catch (IOException e) {
      throw new TransportException("cannot listen on %s: %s".formatted(host, e.getMessage()), e);
    }
  }

  /** {@code host:port}. */
  public String address() {
    return host + ":" + server.getLocalPort();
  }

  ServerSocket server() {
    return server;
  }

  @Override
  public void close() {
    try {
      server.close();
    } catch (IOException e) {
      throw new TransportException("cannot close %s".formatted(address()), e);
    }
  }
}
