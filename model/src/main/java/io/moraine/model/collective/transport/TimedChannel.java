package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/** A connection that is being made: whatever it waits for ends at a deadline. */
final class TimedChannel implements AutoCloseable {

  private final SocketChannel channel;
  private final Selector selector;
  private final SelectionKey key;
  private final long deadlineNanos;

  TimedChannel(SocketChannel channel, long millis) throws IOException {
    this.channel = channel;
    this.selector = Selector.open();
    this.deadlineNanos = System.nanoTime() + millis * 1_000_000;
    channel.configureBlocking(false);
    this.key = channel.register(selector, 0);
  }

  void connect(SocketAddress target) throws IOException {
    boolean connected = channel.connect(target);
    while (!connected) {
      await(SelectionKey.OP_CONNECT);
      connected = channel.finishConnect();
    }
  }

  /** Reads this many bytes and not one more. */
  ByteBuffer read(int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      await(SelectionKey.OP_READ);
      if (channel.read(bytes) < 0) {
        throw new EOFException("end of stream");
      }
    }
    return bytes.flip();
  }

  void write(ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      await(SelectionKey.OP_WRITE);
      channel.write(bytes);
    }
  }

  /** The channel blocks from now on, if it is open. */
  @Override
  public void close() throws IOException {
    selector.close();
    if (channel.isOpen()) {
      channel.configureBlocking(true);
    }
  }

  private void await(int operation) throws IOException {
    key.interestOps(operation);
    long millis = (deadlineNanos - System.nanoTime()) / 1_000_000;
    if (millis <= 0 || selector.select(millis) == 0) {
      throw new SocketTimeoutException("no answer in time");
    }
    selector.selectedKeys().clear();
  }
}
