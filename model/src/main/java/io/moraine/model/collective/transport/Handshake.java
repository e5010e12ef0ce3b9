package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.security.MessageDigest;
import java.security.SecureRandom;
import java.util.Arrays;
import java.util.function.IntPredicate;

/**
 * Mutual proof that both ends know the run's secret: each sends its rank and a nonce, then the
 * HMAC-SHA256 of run id, both ranks, both nonces and, inside TLS, both certificates. Who stands
 * between two ranks with a certificate of its own that both trust cannot pass on their proofs.
 */
final class Handshake {

  private static final int MAGIC = 0x4d4f5241; // "MORA"
  private static final int VERSION = 2;
  private static final int MAGIC_BYTES = 4;
  private static final int NONCE_BYTES = 16;
  private static final int GREETING_BYTES = 4 + 4 + 4 + NONCE_BYTES;

  private final MeshConfig config;
  private final byte[] ownCertificate;
  private final byte[] peerCertificate;

  /** Over a connection without TLS. */
  Handshake(MeshConfig config) {
    this(config, new byte[2][0]);
  }

  /**
   * Inside TLS.
   *
   * @param certificates digests of this end's, and of the other's
   */
  Handshake(MeshConfig config, byte[][] certificates) {
    this.config = config;
    this.ownCertificate = certificates[0];
    this.peerCertificate = certificates[1];
  }

  /**
   * Proves and checks. Nothing is proved to a rank that is not expected: whoever is called proves
   * to higher ranks alone and whoever calls to the one it calls, so that nobody can have one rank
   * prove what it shows to another.
   *
   * @param isExpected which ranks the other end may be
   * @return the peer's rank
   * @throws IOException if the other end is not a rank of this run
   */
  int perform(ByteChannel channel, IntPredicate isExpected) throws IOException {
    byte[] ownNonce = new byte[NONCE_BYTES];
    new SecureRandom().nextBytes(ownNonce);
    ByteBuffer greeting = ByteBuffer.allocate(GREETING_BYTES);
    greeting.putInt(MAGIC).putInt(VERSION).putInt(config.rank()).put(ownNonce);
    channel.write(greeting.flip());

    ByteBuffer theirs = ByteBuffer.allocate(GREETING_BYTES);
    int magic = read(channel, theirs, MAGIC_BYTES).getInt();
    if (TlsStream.isTls((byte) (magic >>> 24), (byte) (magic >>> 16))) {
      throw new RefusedException("it speaks with TLS, this rank without TLS");
    }
    int version = read(channel, theirs, GREETING_BYTES).getInt();
    if (magic != MAGIC) {
      throw new RefusedException("not a rank: greeting %08x".formatted(magic));
    }
    if (version != VERSION) {
      throw new RefusedException(
          "it speaks version %d, this rank %d: all ranks need the same release"
              .formatted(version, VERSION));
    }
    int peer = theirs.getInt();
    if (!isExpected.test(peer)) {
      throw new RefusedException("rank %d is not expected here".formatted(peer));
    }
    byte[] peerNonce = new byte[NONCE_BYTES];
    theirs.get(peerNonce);
    channel.write(
        ByteBuffer.wrap(
            proof(
                config.rank(), peer, join(ownNonce, peerNonce, ownCertificate, peerCertificate))));
    byte[] due =
        proof(peer, config.rank(), join(peerNonce, ownNonce, peerCertificate, ownCertificate));
    byte[] shown = read(channel, ByteBuffer.allocate(Proof.BYTES), Proof.BYTES).array();
    if (!MessageDigest.isEqual(shown, due)) {
      throw new RefusedException(
          "rank %d is of another run or does not know this run's secret".formatted(peer));
    }
    return peer;
  }

  /** Reads up to this place of the buffer and not one byte more. */
  private static ByteBuffer read(ByteChannel channel, ByteBuffer bytes, int to) throws IOException {
    int from = bytes.position();
    bytes.limit(to);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        throw new EOFException("end of stream");
      }
    }
    return bytes.position(from);
  }

  private static byte[] join(byte[]... parts) {
    ByteBuffer all = ByteBuffer.allocate(Arrays.stream(parts).mapToInt(part -> part.length).sum());
    for (byte[] part : parts) {
      all.put(part);
    }
    return all.array();
  }

  private byte[] proof(int prover, int verifier, byte[] seen) {
    return Proof.of(config, prover, Integer.toString(verifier), seen);
  }
}
