package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;

/**
 * The connection to one other rank: a thread that sends what is queued and a heartbeat when nothing
 * is, and a thread that receives frames into a queue. Neither sending nor receiving blocks the
 * other, so that two ranks that send to each other at once cannot stand still.
 */
final class Peer {

  private static final int QUEUED_FRAMES = 64;
  private static final long HEARTBEAT_MILLIS = 500;
  private static final long POLL_MILLIS = 100;

  /** How long closing waits when no more bytes leave, as when the peer does not end. */
  private static final long CLOSE_MILLIS = 2000;

  private static final int CLOSE_LOOKS = 5;
  private static final long CLOSE_LOOK_MILLIS = 50;

  /** Time to read what a peer said before it closed. */
  private static final long LAST_WORDS_MILLIS = 1000;

  /** Time for a peer that cannot connect to others to say so, which it does at its deadline. */
  private static final long FIRST_SIGN_MILLIS = 1000;

  private final Connection connection;
  private final PayloadPool pool;
  private final FrameWriter writer;
  private final AtomicLong sentBytes = new AtomicLong();
  private final Thread sender;
  private final Thread receiver;
  private final BlockingQueue<Frame> outgoing = new ArrayBlockingQueue<>(QUEUED_FRAMES);
  private final BlockingQueue<Frame> incoming = new ArrayBlockingQueue<>(QUEUED_FRAMES);
  private final AtomicBoolean aborted = new AtomicBoolean();
  private volatile String failure = "";
  private volatile boolean hasLeft;
  private volatile long lastHeardNanos = System.nanoTime() + FIRST_SIGN_MILLIS * 1_000_000;
  private long closingNanos;
  private volatile boolean closing;

  Peer(int rank, Connection connection, PayloadPool pool) {
    this.connection = connection;
    this.pool = pool;
    this.writer = new FrameWriter(connection.out());
    this.receiver = start("receive from rank " + rank, this::receiveAll);
    this.sender = start("send to rank " + rank, this::sendAll); // which looks at the receiver
  }

  /** By rank; if one cannot be made none is left, and all connections are closed. */
  static Map<Integer, Peer> ofAll(Map<Integer, Connection> connections, PayloadPool pool) {
    Map<Integer, Peer> peers = new HashMap<>();
    try {
      connections.forEach((rank, made) -> peers.put(rank, new Peer(rank, made, pool)));
      return peers;
    } catch (RuntimeException | Error e) {
      peers.values().forEach(peer -> peer.abort(e.toString()));
      closeAll(peers.values());
      connections.values().forEach(Connector::closeQuietly);
      throw e;
    }
  }

  /** In the time that the slowest of them takes. */
  static void closeAll(Collection<Peer> peers) {
    peers.forEach(Peer::beginClosing);
    try {
      for (Peer peer : peers) {
        peer.awaitEnd();
      }
      // Where all stood still meanwhile, threads that are late have their turn after that.
      for (int look = 0; look < CLOSE_LOOKS && peers.stream().anyMatch(Peer::isAtWork); look++) {
        Thread.sleep(CLOSE_LOOK_MILLIS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
    peers.forEach(Peer::endClosing);
  }

  boolean isUnix() {
    return connection.isUnix();
  }

  /** What broke the connection; empty while it stands. */
  String failure() {
    return failure;
  }

  /** Whether it broke before the peer said that it has nothing more to do. */
  boolean isLost() {
    return !failure.isEmpty() && !hasLeft;
  }

  /** Bytes queued so far for the peer, headers included. */
  long sentBytes() {
    return sentBytes.get();
  }

  /**
   * Time without a sign of life; 0 if none is expected any more. It stands still while the queue is
   * full and nothing is read: a peer that dies then is not missed before what it sent is taken.
   */
  long silentNanos() {
    return hasLeft ? 0 : System.nanoTime() - lastHeardNanos;
  }

  /** Queues a frame; false if the queue stayed full for that long. */
  boolean offer(Frame frame, long millis) throws InterruptedException {
    int bytes = frame.bytes();
    boolean isQueued = outgoing.offer(frame, millis, TimeUnit.MILLISECONDS);
    if (isQueued) {
      sentBytes.addAndGet(bytes);
    }
    return isQueued;
  }

  /** The next frame with data; null if none came in that time. */
  Frame poll(long millis) throws InterruptedException {
    return incoming.poll(millis, TimeUnit.MILLISECONDS);
  }

  /** Tells the peer, if it can still be told, why this rank gives up; the first reason stays. */
  void abort(String reason) {
    if (aborted.getAndSet(true)) {
      return;
    }
    outgoing.clear();
    if (!outgoing.offer(Frame.abort(reason))) {
      fail("gave up: " + reason);
    }
  }

  private void beginClosing() {
    closingNanos = System.nanoTime();
    closing = true;
    outgoing.offer(Frame.heartbeat()); // the sender may be waiting for something to send
  }

  /** Closing with unread bytes would make the system drop what the peer has not read yet. */
  private void awaitEnd() throws InterruptedException {
    for (Thread thread : List.of(sender, receiver)) {
      for (long left = closeMillis(); thread.isAlive() && left > 0; left = closeMillis()) {
        thread.join(left);
      }
    }
  }

  private boolean isAtWork() {
    return sender.isAlive() || receiver.isAlive();
  }

  private void endClosing() {
    try {
      connection.close();
    } catch (IOException e) {
      fail(String.valueOf(e.getMessage()));
    }
  }

  /** What is left of the wait, which each byte that leaves begins anew. */
  private long closeMillis() {
    long now = System.nanoTime();
    long idleNanos = Math.min(now - closingNanos, now - writer.lastWrittenNanos());
    return CLOSE_MILLIS - idleNanos / 1_000_000;
  }

  private void sendAll() {
    try {
      while (!closing || !outgoing.isEmpty()) {
        Frame frame = outgoing.poll(HEARTBEAT_MILLIS, TimeUnit.MILLISECONDS);
        if (frame == null) {
          frame = Frame.heartbeat();
        }
        writer.append(frame);
        frame.payload().release();
        if (outgoing.isEmpty()) {
          writer.flush();
        }
      }
      if (!aborted.get()) {
        writer.append(Frame.goodbye());
      }
      writer.flush();
      connection.end();
    } catch (ClosedChannelException e) {
      // On this side, by whoever reads, who says why.
    } catch (IOException e) {
      awaitLastWords();
      fail("connection lost while sending (" + said(e) + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    } catch (RuntimeException | Error e) {
      fail("this rank cannot send (" + e + ")");
    }
  }

  /** The peer may have said why it closes, and that not be read yet. */
  private void awaitLastWords() {
    try {
      for (int part = 0; receiver.isAlive() && part < 10; part++) {
        receiver.join(LAST_WORDS_MILLIS / 10);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  private void receiveAll() {
    try {
      // Not closed here: that would end the sending of the reason why this rank gives up.
      FrameReader reader = new FrameReader(connection.in(), pool);
      while (true) {
        Frame frame = reader.read();
        lastHeardNanos = System.nanoTime();
        if (frame.kind() == Frame.Kind.ABORT) {
          fail("gave up: " + new String(frame.payload().toBytes(), StandardCharsets.UTF_8));
          return;
        }
        if (frame.kind() == Frame.Kind.GOODBYE) {
          hasLeft = true;
          fail("connection lost (closed by that rank)");
        }
        if (frame.kind() == Frame.Kind.DATA && !queue(frame)) {
          // Read on: closing over unread bytes, the system drops what this rank said last.
          frame.payload().release();
        }
      }
    } catch (IOException e) {
      fail("connection lost (" + said(e) + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    } catch (RuntimeException | Error e) {
      fail("this rank cannot receive (" + e + ")");
    }
  }

  /** Waits for room. False if nobody wants it any more. */
  private boolean queue(Frame frame) throws InterruptedException {
    while (!closing) {
      if (incoming.offer(frame, POLL_MILLIS, TimeUnit.MILLISECONDS)) {
        return true;
      }
      lastHeardNanos = System.nanoTime(); // whatever else it sent cannot be heard
    }
    return false;
  }

  /** Exceptions of closed channels have no message. */
  private static String said(IOException e) {
    return e.getMessage() == null ? e.getClass().getSimpleName() : e.getMessage();
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
