package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.SelectionKey;
import java.nio.channels.Selector;
import java.nio.channels.SocketChannel;

/**
 * A connection that is being made: what it waits for takes so long in all, or less. Time in which
 * this process stood still does not count.
 */
final class TimedChannel implements ByteChannel {

  private static final long LOOK_MILLIS = 100;

  private final SocketChannel channel;
  private final Selector selector;
  private final SelectionKey key;
  private long leftNanos;

  /** Came, and is to be read once more. */
  private final ByteBuffer ahead = ByteBuffer.allocate(4).limit(0);

  private volatile boolean isAbandoned;

  TimedChannel(SocketChannel channel, long millis) throws IOException {
    this.channel = channel;
    this.selector = Selector.open();
    this.leftNanos = millis * 1_000_000;
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

  /** Where the other end is; empty for a Unix-domain socket. */
  String host() {
    try {
      return channel.getRemoteAddress() instanceof InetSocketAddress internet
          ? internet.getAddress().getHostAddress()
          : "";
    } catch (IOException e) { // it has been closed
      return "";
    }
  }

  /** The four bytes that are read next, which stay to be read. */
  int peekInt() throws IOException {
    ahead.clear();
    while (ahead.hasRemaining()) {
      await(SelectionKey.OP_READ);
      if (channel.read(ahead) < 0) {
        throw new EOFException("end of stream");
      }
    }
    return ahead.flip().getInt(0);
  }

  /** Ends the wait, by whichever thread; for good. */
  void abandon() {
    isAbandoned = true;
    selector.wakeup();
  }

  @Override
  public int read(ByteBuffer dst) throws IOException {
    if (ahead.hasRemaining()) {
      int count = Math.min(ahead.remaining(), dst.remaining());
      dst.put(ahead.slice(ahead.position(), count));
      ahead.position(ahead.position() + count);
      return count;
    }
    await(SelectionKey.OP_READ);
    return channel.read(dst);
  }

  /** Writes all. */
  @Override
  public int write(ByteBuffer src) throws IOException {
    int count = 0;
    while (src.hasRemaining()) {
      await(SelectionKey.OP_WRITE);
      count += channel.write(src);
    }
    return count;
  }

  @Override
  public boolean isOpen() {
    return channel.isOpen();
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
    int ready = 0;
    while (ready == 0 && leftNanos > 0 && !isAbandoned && !Thread.currentThread().isInterrupted()) {
      long before = System.nanoTime();
      ready = selector.select(LOOK_MILLIS);
      leftNanos -= Math.min(System.nanoTime() - before, LOOK_MILLIS * 1_000_000);
    }
    if (isAbandoned) {
      throw new IOException("it was not waited for any longer");
    }
    if (ready == 0) {
      throw new SocketTimeoutException("no answer in time");
    }
    selector.selectedKeys().clear();
  }
}
