package io.moraine.model.collective.transport;

import java.io.BufferedInputStream;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.ArrayBlockingQueue;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.zip.CRC32C;

/**
 * The connection to one other rank: a thread that sends what is queued and a heartbeat when nothing
 * is, and a thread that receives frames into a queue. Neither sending nor receiving blocks the
 * other, so that two ranks that send to each other at once cannot stand still.
 *
 * <p>Frame: magic, kind, sequence number, payload length, CRC32C of the payload, payload
 * (docs/formats.md).
 */
final class Peer implements AutoCloseable {

  static final int HEADER_BYTES = 4 + 1 + 8 + 4 + 4;
  static final int MAX_PAYLOAD_BYTES = 1 << 26;

  private static final int MAGIC = 0x4d465231; // "MFR1"
  private static final byte DATA = 1;
  private static final byte HEARTBEAT = 2;
  private static final byte ABORT = 3;
  private static final int QUEUED_FRAMES = 64;
  private static final long HEARTBEAT_MILLIS = 500;

  /** How long closing waits for what is queued to be sent. */
  private static final long CLOSE_MILLIS = 2000;

  private static final byte[] NOTHING = new byte[0];

  private record Frame(byte kind, byte[] payload) {}

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
    return outgoing.offer(new Frame(DATA, payload), millis, TimeUnit.MILLISECONDS);
  }

  /** The next payload; null if none came in that time. */
  byte[] poll(long millis) throws InterruptedException {
    return incoming.poll(millis, TimeUnit.MILLISECONDS);
  }

  /** Tells the peer, if it can still be told, why this rank gives up. */
  void abort(String reason) {
    outgoing.clear();
    if (!outgoing.offer(new Frame(ABORT, reason.getBytes(StandardCharsets.UTF_8)))) {
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
      DataOutputStream out = new DataOutputStream(socket.getOutputStream());
      long sequence = 0;
      while (!closing || !outgoing.isEmpty()) {
        Frame frame = outgoing.poll(HEARTBEAT_MILLIS, TimeUnit.MILLISECONDS);
        if (frame == null) {
          frame = new Frame(HEARTBEAT, NOTHING);
        }
        send(out, frame, sequence++);
      }
      socket.shutdownOutput();
    } catch (IOException e) {
      fail("connection lost while sending (" + e.getMessage() + ")");
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      fail("interrupted");
    }
  }

  private void send(DataOutputStream out, Frame frame, long sequence) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + frame.payload().length);
    bytes.putInt(MAGIC).put(frame.kind()).putLong(sequence).putInt(frame.payload().length);
    bytes.putInt(checksum(frame.payload())).put(frame.payload());
    out.write(bytes.array());
    sentBytes.addAndGet(bytes.capacity());
  }

  private void receiveAll() {
    try (DataInputStream in =
        new DataInputStream(new BufferedInputStream(socket.getInputStream(), 1 << 18))) {
      for (long sequence = 0; ; sequence++) {
        Frame frame = receive(in, sequence);
        lastHeardNanos = System.nanoTime();
        if (frame.kind() == ABORT) {
          fail("gave up: " + new String(frame.payload(), StandardCharsets.UTF_8));
          return;
        }
        if (frame.kind() == DATA) {
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

  private static Frame receive(DataInputStream in, long sequence) throws IOException {
    int magic = in.readInt();
    byte kind = in.readByte();
    long received = in.readLong();
    int length = in.readInt();
    int checksum = in.readInt();
    if (magic != MAGIC || length < 0 || length > MAX_PAYLOAD_BYTES) {
      throw new IOException("no frame: magic %08x, length %d".formatted(magic, length));
    }
    if (received != sequence) {
      throw new IOException("frame %d came where %d was due".formatted(received, sequence));
    }
    byte[] payload = new byte[length];
    in.readFully(payload);
    if (checksum(payload) != checksum) {
      throw new IOException(
          "frame %d is damaged: checksum %08x, computed %08x"
              .formatted(sequence, checksum, checksum(payload)));
    }
    return new Frame(kind, payload);
  }

  private static int checksum(byte[] payload) {
    CRC32C crc = new CRC32C();
    crc.update(payload);
    return (int) crc.getValue();
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
