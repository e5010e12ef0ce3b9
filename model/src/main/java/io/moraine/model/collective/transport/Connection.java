package io.moraine.model.collective.transport;

import java.io.Closeable;
import java.io.IOException;
import java.nio.channels.GatheringByteChannel;
import java.nio.channels.ScatteringByteChannel;
import java.nio.channels.SocketChannel;
import java.util.Optional;

/**
 * A connection whose ends know each other; without TLS, its bytes are the socket's own.
 *
 * @param isUnix whether it is a Unix-domain socket
 */
record Connection(SocketChannel socket, boolean isUnix, Optional<TlsStream> tls)
    implements Closeable {

  /** For one thread. */
  ScatteringByteChannel in() {
    return tls.isPresent() ? new TlsChannel(tls.get(), socket) : socket;
  }

  /** For one thread, another one if need be. */
  GatheringByteChannel out() {
    return tls.isPresent() ? new TlsChannel(tls.get(), socket) : socket;
  }

  /** Tells the other end that nothing more will come; it may still be read from. */
  void end() throws IOException {
    if (tls.isPresent()) {
      tls.get().end(socket);
    }
    socket.shutdownOutput();
  }

  @Override
  public void close() throws IOException {
    socket.close();
  }
}
