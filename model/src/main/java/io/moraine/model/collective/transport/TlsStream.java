package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.cert.Certificate;
import java.security.cert.CertificateException;
import java.security.cert.X509Certificate;
import java.util.Arrays;
import java.util.Set;
import javax.net.ssl.SSLEngine;
import javax.net.ssl.SSLEngineResult;
import javax.net.ssl.SSLEngineResult.HandshakeStatus;
import javax.net.ssl.SSLException;
import javax.net.ssl.SSLSession;

/**
 * One connection's bytes, encrypted and decrypted in records of at most 16 KiB. One thread may read
 * while another writes.
 *
 * <p>What TLS wants to send of its own accord when all is under way, an answer to new keys, leaves
 * with what the writer sends next, a heartbeat if nothing else.
 */
final class TlsStream {

  /**
   * Records that are encrypted before a socket gets them, and read from it at once, once the ends
   * know each other; before it is one.
   */
  private static final int RECORDS = 17;

  private static final int FIRST_CONTENT_TYPE = 20;
  private static final int LAST_CONTENT_TYPE = 24;
  private static final int MAJOR_VERSION = 3;
  private static final Set<String> CERTIFICATE_ALERTS =
      Set.of(
          "bad_certificate",
          "unsupported_certificate",
          "certificate_revoked",
          "certificate_expired",
          "certificate_unknown",
          "certificate_required",
          "unknown_ca");
  private static final String ALERT = "Received fatal alert: ";
  private static final ByteBuffer NOTHING = ByteBuffer.allocate(0);

  /** More than an engine needs to come from its failure to the alert that tells of it. */
  private static final int ALERT_ATTEMPTS = 4;

  /** What tells an end without TLS, if it knows TLS when it sees it: alert, handshake failure. */
  private static final byte[] REFUSAL = {21, 3, 3, 0, 2, 2, 40};

  private final SSLEngine engine;

  /** From the other end, not decrypted yet. */
  private ByteBuffer received;

  /** Decrypted; did not fit where it was to go. */
  private ByteBuffer plain;

  /** Encrypted, to be sent. */
  private ByteBuffer sealed;

  /** An end whose protocol, role and certificates the engine has been told. */
  TlsStream(SSLEngine engine) {
    this.engine = engine;
    int packet = engine.getSession().getPacketBufferSize();
    this.received = ByteBuffer.allocate(packet).limit(0);
    this.plain = ByteBuffer.allocate(packet).limit(0);
    this.sealed = ByteBuffer.allocate(packet);
  }

  /** From now on in direct memory, of which a stranger gets none. */
  void widen() {
    int packet = engine.getSession().getPacketBufferSize();
    received = ByteBuffer.allocateDirect(RECORDS * packet).put(received).flip();
    plain = ByteBuffer.allocateDirect(packet).put(plain).flip();
    sealed = ByteBuffer.allocateDirect(RECORDS * packet).put(sealed.flip());
  }

  /** Whether these are a TLS record's first two bytes. */
  static boolean isTls(byte first, byte second) {
    return first >= FIRST_CONTENT_TYPE && first <= LAST_CONTENT_TYPE && second == MAJOR_VERSION;
  }

  /**
   * Agrees on keys, shows this end's certificate and looks at the other's.
   *
   * @throws RefusedException if an end does not accept the other; both know then
   */
  void shakeHands(ByteChannel channel) throws IOException {
    try {
      engine.beginHandshake();
      boolean isHeard = false;
      HandshakeStatus status = engine.getHandshakeStatus();
      while (status != HandshakeStatus.NOT_HANDSHAKING) {
        if (status == HandshakeStatus.NEED_UNWRAP && !isHeard) {
          requireTls(channel);
          isHeard = true;
        }
        goOn(status, channel);
        status = engine.getHandshakeStatus();
      }
    } catch (SSLException e) {
      alert(channel);
      throw explained(e);
    }
  }

  /** SHA-256 of this end's certificate, and of the other's. */
  byte[][] certificateDigests() throws IOException {
    SSLSession session = engine.getSession();
    Certificate[] own = session.getLocalCertificates();
    if (own == null) {
      throw RefusedException.forCertificate(
          "this rank's keystore holds no certificate that TLS 1.3 can show", null);
    }
    return new byte[][] {digest(own[0]), digest(session.getPeerCertificates()[0])};
  }

  /** Reads at least one byte; -1 at the end. */
  long read(ReadableByteChannel from, ByteBuffer... dsts) throws IOException {
    try {
      while (!plain.hasRemaining()) {
        SSLEngineResult result = unwrap(dsts);
        if (result.getStatus() == SSLEngineResult.Status.BUFFER_OVERFLOW) {
          result = unwrapAside(); // which may still say that the record is not all there
        } else if (result.bytesProduced() > 0) {
          return result.bytesProduced();
        }
        switch (result.getStatus()) {
          case OK -> {}
          case BUFFER_OVERFLOW ->
              throw new AssertionError("unreachable: there is room for any record");
          case BUFFER_UNDERFLOW -> {
            if (receive(from) < 0) {
              return -1;
            }
          }
          case CLOSED -> {
            return -1;
          }
        }
      }
    } catch (SSLException e) {
      throw explained(e);
    }
    return take(dsts);
  }

  /** Writes all. */
  long write(WritableByteChannel to, ByteBuffer... srcs) throws IOException {
    long count = 0;
    while (Arrays.stream(srcs).anyMatch(ByteBuffer::hasRemaining)) {
      SSLEngineResult result = wrap(to, srcs);
      if (result.getStatus() == SSLEngineResult.Status.CLOSED) {
        send(to); // the alert, if it was the reader who found something wrong
        throw new ClosedChannelException();
      }
      count += result.bytesConsumed();
    }
    send(to);
    return count;
  }

  /** Tells the other end that nothing more will come. */
  void end(WritableByteChannel to) throws IOException {
    engine.closeOutbound();
    while (!engine.isOutboundDone()) {
      wrap(to, NOTHING);
    }
    send(to);
  }

  /** Looks at what comes before anything of it is believed. */
  private void requireTls(ByteChannel channel) throws IOException {
    while (received.remaining() < 2) {
      if (receive(channel) < 0) {
        throw new EOFException("end of stream");
      }
    }
    int at = received.position();
    if (!isTls(received.get(at), received.get(at + 1))) {
      if (!engine.getUseClientMode()) {
        channel.write(ByteBuffer.wrap(REFUSAL));
      }
      throw new RefusedException("it speaks without TLS, this rank with TLS");
    }
  }

  private void goOn(HandshakeStatus status, ByteChannel channel) throws IOException {
    switch (status) {
      case NEED_TASK -> runTasks();
      case NEED_WRAP -> {
        wrap(channel, NOTHING);
        send(channel);
      }
      case NEED_UNWRAP, NEED_UNWRAP_AGAIN -> {
        SSLEngineResult.Status unwrapped = unwrapAside().getStatus();
        if (unwrapped == SSLEngineResult.Status.CLOSED) {
          throw new EOFException("it was closed during the handshake");
        }
        if (unwrapped == SSLEngineResult.Status.BUFFER_UNDERFLOW && receive(channel) < 0) {
          throw new EOFException("end of stream");
        }
      }
      case FINISHED, NOT_HANDSHAKING ->
          throw new AssertionError("unreachable: the handshake is over");
    }
  }

  private SSLEngineResult wrap(WritableByteChannel to, ByteBuffer... srcs) throws IOException {
    SSLEngineResult result = engine.wrap(srcs, sealed);
    if (result.getStatus() == SSLEngineResult.Status.BUFFER_OVERFLOW) {
      send(to);
    }
    return result;
  }

  private SSLEngineResult unwrap(ByteBuffer... dsts) throws SSLException {
    SSLEngineResult result = engine.unwrap(received, dsts);
    if (result.getHandshakeStatus() == HandshakeStatus.NEED_TASK) {
      runTasks();
    }
    return result;
  }

  private SSLEngineResult unwrapAside() throws SSLException {
    plain.clear();
    try {
      return unwrap(plain);
    } finally {
      plain.flip();
    }
  }

  private void runTasks() {
    Runnable task = engine.getDelegatedTask();
    while (task != null) {
      task.run();
      task = engine.getDelegatedTask();
    }
  }

  private int receive(ReadableByteChannel from) throws IOException {
    received.compact();
    try {
      if (!received.hasRemaining()) {
        throw new RefusedException("a record longer than TLS allows");
      }
      return from.read(received);
    } finally {
      received.flip();
    }
  }

  private void send(WritableByteChannel to) throws IOException {
    sealed.flip();
    try {
      while (sealed.hasRemaining()) {
        to.write(sealed);
      }
    } finally {
      sealed.compact();
    }
  }

  /** What did not fit before. */
  private long take(ByteBuffer... dsts) {
    long before = plain.remaining();
    for (ByteBuffer dst : dsts) {
      int count = Math.min(dst.remaining(), plain.remaining());
      dst.put(plain.slice(plain.position(), count));
      plain.position(plain.position() + count);
    }
    return before - plain.remaining();
  }

  /** Tells the other end why, and waits until it has read that and left. */
  private void alert(ByteChannel channel) {
    try {
      for (int i = 0; i < ALERT_ATTEMPTS; i++) {
        wrapAlert(channel);
      }
      if (sealed.position() > 0) {
        send(channel);
        ByteBuffer unread = ByteBuffer.allocate(1 << 10);
        while (channel.read(unread) >= 0) {
          unread.clear();
        }
      }
    } catch (IOException e) {
      // It has left, or never does.
    }
  }

  private void wrapAlert(ByteChannel channel) throws IOException {
    try {
      if (engine.getHandshakeStatus() == HandshakeStatus.NEED_WRAP) {
        wrap(channel, NOTHING);
      }
    } catch (SSLException e) {
      // The failure itself, once more; the alert is behind it.
    }
  }

  private IOException explained(SSLException e) {
    for (Throwable at = e; at != null; at = at.getCause()) {
      if (at instanceof CertificateException) {
        return RefusedException.forCertificate(at.getMessage(), e);
      }
    }
    String message = String.valueOf(e.getMessage());
    if (!message.contains(ALERT)) {
      return new RefusedException("TLS: " + message, e);
    }
    String alert = message.substring(message.indexOf(ALERT) + ALERT.length());
    return CERTIFICATE_ALERTS.contains(alert)
        ? RefusedException.forCertificate(
            "it refused this rank's certificate%s (%s)".formatted(ownName(), alert), e)
        : new RefusedException("it ended TLS (%s)".formatted(alert), e);
  }

  /** Whose certificate this end has shown, behind a comma; nothing before it has. */
  private String ownName() {
    Certificate[] own = engine.getSession().getLocalCertificates();
    return own == null ? "" : ", " + Trust.name((X509Certificate) own[0]);
  }

  private static byte[] digest(Certificate certificate) throws IOException {
    try {
      return MessageDigest.getInstance("SHA-256").digest(certificate.getEncoded());
    } catch (GeneralSecurityException e) {
      throw new IOException("a certificate cannot be encoded: " + e.getMessage(), e);
    }
  }
}
