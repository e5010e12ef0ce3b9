package io.moraine.model.collective;

import java.io.EOFException;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.SocketAddress;
import java.net.StandardProtocolFamily;
import java.net.StandardSocketOptions;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.ServerSocketChannel;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;

/**
 * What the sockets themselves give: as many bytes to and from every peer as a float32 all-reduce
 * moves, both ways at once, looked at by nobody: out of one small buffer and into another, or, from
 * memory, out of as much memory as is sent and into as much.
 */
final class StreamSide implements CollectiveSpeed.Side {

  private static final int BUFFER_BYTES = 1 << 19;

  private final List<SocketChannel> channels = new ArrayList<>();
  private final List<ByteBuffer> buffers = new ArrayList<>();
  private final ExecutorService threads = Executors.newCachedThreadPool();
  private final int worldSize;
  private final boolean isFromMemory;
  private long sentBytes;

  /** Connects each pair of ranks once. */
  StreamSide(Communicator introduction, String host, boolean isUnix, boolean isFromMemory)
      throws IOException {
    this.isFromMemory = isFromMemory;
    this.worldSize = introduction.worldSize();
    ServerSocketChannel server =
        isUnix ? ServerSocketChannel.open(StandardProtocolFamily.UNIX) : ServerSocketChannel.open();
    Path file = Files.createTempDirectory("moraine-").resolve("stream");
    server.bind(
        isUnix
            ? UnixDomainSocketAddress.of(file)
            : new InetSocketAddress(InetAddress.getByName(host), 0));
    String own =
        isUnix
            ? file.toString()
            : Integer.toString(((InetSocketAddress) server.getLocalAddress()).getPort());
    byte[][] all = introduction.allGatherBytes((host + " " + own).getBytes(StandardCharsets.UTF_8));
    for (int peer = 0; peer < introduction.rank(); peer++) {
      String[] address = new String(all[peer], StandardCharsets.UTF_8).split(" ", 2);
      SocketAddress target =
          isUnix
              ? UnixDomainSocketAddress.of(address[1])
              : new InetSocketAddress(address[0], Integer.parseInt(address[1]));
      channels.add(SocketChannel.open(target));
    }
    while (channels.size() < worldSize - 1) {
      channels.add(server.accept());
    }
    introduction.close();
    server.close();
    Files.deleteIfExists(file);
    Files.delete(file.getParent());
    for (SocketChannel channel : channels) {
      if (!isUnix) {
        channel.setOption(StandardSocketOptions.TCP_NODELAY, true);
      }
    }
  }

  /** Two for each peer. */
  private void makeBuffers(long bytes) {
    int size = isFromMemory ? Math.toIntExact(bytes) : BUFFER_BYTES;
    while (buffers.size() < 2 * channels.size()) {
      buffers.add(ByteBuffer.allocateDirect(size));
    }
  }

  @Override
  public void run(float[] values) throws IOException {
    long bytes = 2L * 4 * values.length / worldSize;
    makeBuffers(bytes);
    List<Callable<Boolean>> tasks = new ArrayList<>();
    for (int i = 0; i < channels.size(); i++) {
      SocketChannel channel = channels.get(i);
      ByteBuffer out = buffers.get(2 * i);
      ByteBuffer in = buffers.get(2 * i + 1);
      tasks.add(() -> send(channel, out, bytes));
      tasks.add(() -> receive(channel, in, bytes));
    }
    try {
      for (Future<Boolean> task : threads.invokeAll(tasks)) {
        task.get();
      }
    } catch (InterruptedException | ExecutionException e) {
      throw new IOException(e);
    }
    sentBytes += bytes * channels.size();
  }

  @Override
  public long sentBytes() {
    return sentBytes;
  }

  @Override
  public void close() {
    threads.shutdown();
  }

  private static boolean send(SocketChannel channel, ByteBuffer out, long bytes)
      throws IOException {
    for (long sent = 0; sent < bytes; ) {
      sent += channel.write(next(out, sent, bytes));
    }
    return true;
  }

  private static boolean receive(SocketChannel channel, ByteBuffer in, long bytes)
      throws IOException {
    for (long received = 0; received < bytes; ) {
      int count = channel.read(next(in, received, bytes));
      if (count < 0) {
        throw new EOFException("end of stream");
      }
      received += count;
    }
    return true;
  }

  /** The piece of memory that is due; a small buffer begins anew with each piece. */
  private static ByteBuffer next(ByteBuffer memory, long at, long bytes) {
    int from = memory.capacity() < bytes ? 0 : (int) at;
    return memory.slice(
        from, (int) Math.min(BUFFER_BYTES, Math.min(bytes - at, memory.capacity())));
  }
}
