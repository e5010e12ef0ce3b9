package io.moraine.model.collective.transport;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The connection to one other rank: a thread that sends what is queued and a heartbeat when nothing
 * is, and a thread that receives frames into a queue. Neither sending nor receiving blocks the
 * other, so that two ranks that send to each other at once cannot stand still.
 */
final class Peer implements AutoCloseable {

  private static final int QUEUED_FRAMES = 64;
  private static final long HEARTBEAT_MILLIS = 500;

  /** How long closing waits for what is queued to be sent. */
  private static final long CLOSE_MILLIS = 2000;

  private final int rank;
  private final Socket socket;
  private final AtomicLong sentBytes;
  private final Thread sender;
  private final Thread receiver;
  private final BlockingQueue<Frame> outgoing = new ArrayBlockingQueue<>(QUEUED_FRAMES);
  private final BlockingQueue<byte[]> incoming = new ArrayBlockingQueue<>(QUEUED_FRAMES);
  private volatile String failure = "";
  private volatile long lastHeardNanos = System.nanoTime();
  private volatile boolean closing;

  Peer(int rank, Socket socket, AtomicLong sentBytes) {
    this.rank = rank;
    this.socket = socket;
    this.sentBytes = sentBytes;
    this.sender = start("send to rank " + rank, this::sendAll);
    this.receiver = start("receive from rank " + rank, this::receiveAll);
  }

  int rank() {
    return rank;
  }

  /** What broke the connection; empty while it stands. */
  String failure() {
    return failure;
  }

  long silentNanos() {
    return System.nanoTime() - lastHeardNanos;
  }

  /** Queues a payload; false if the queue stayed full for that long. */
  boolean offer(byte[] payload, long millis) throws InterruptedException {
    return outgoing.offer(new Frame(Frame.Kind.DATA, payload), millis, TimeUnit.MILLISECONDS);
  }

  /** The next payload; null if none came in that time. */
  byte[] poll(long millis) throws InterruptedException {
    return incoming.poll(millis, TimeUnit.MILLISECONDS);
  }

  /** Tells the peer, if it can still be told, why this rank gives up. */
  void abort(String reason) {
    outgoing.clear();
    if (!outgoing.offer(new Frame(Frame.Kind.ABORT, reason.getBytes(StandardCharsets.UTF_8)))) {
      fail("gave up: " + reason);
    }
  }

  @Override
  public void close() {
    closing = true;
    try {
      sender.join(CLOSE_MILLIS);
      // Closing with unread bytes would make the system drop what the peer has not read yet.
      receiver.join(CLOSE_MILLIS);
      socket.close();
    } catch (IOException e) {
      fail(String.valueOf(e.getMessage()));
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void sendAll() {
    try {
      OutputStream out = socket.getOutputStream();
      long sequence = 0;
      while (!closing || !outgoing.isEmpty()) {
        Frame frame = outgoing.poll(HEARTBEAT_MILLIS, TimeUnit.MILLISECONDS);
        byte[] bytes = (frame == null ? Frame.heartbeat() : frame).toBytes(sequence++);
        out.write(bytes);
        sentBytes.addAndGet(bytes.length);
      }
      socket.shutdownOutput();
    } catch (IOException e) {
      fail("connection lost while sending (" + e.getMessage() + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    }
  }

  private void receiveAll() {
    try {
      // Not closed here: that would end the sending of the reason why this rank gives up.
      DataInputStream in =
          new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 18));
      for (long sequence = 0; ; sequence++) {
        Frame frame = Frame.read(in, sequence);
        lastHeardNanos = System.nanoTime();
        if (frame.kind() == Frame.Kind.ABORT) {
          fail("gave up: " + new String(frame.payload(), StandardCharsets.UTF_8));
          return;
        }
        if (frame.kind() == Frame.Kind.DATA) {
          incoming.put(frame.payload());
        }
      }
    } catch (IOException e) {
      fail("connection lost (" + e.getMessage() + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    }
  }

  /** The first failure stays. */
  private synchronized void fail(String reason) {
    if (failure.isEmpty() && !closing) {
      failure = reason;
    }
  }

  private static Thread start(String name, Runnable work) {
    Thread thread = new Thread(work, "moraine " + name);
    thread.setDaemon(true);
    thread.start();
    return thread;
  }
}
