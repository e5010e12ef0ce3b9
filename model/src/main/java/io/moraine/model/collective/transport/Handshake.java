package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.MessageDigest;
import java.security.SecureRandom;
import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/**
 * Mutual proof that both ends know the run's secret: each sends its rank and a nonce, then the
 * HMAC-SHA256 of run id, both ranks and both nonces.
 */
final class Handshake {

  private static final int MAGIC = 0x4d4f5241; // "MORA"
  private static final int VERSION = 2;
  private static final int NONCE_BYTES = 16;
  private static final int GREETING_BYTES = 4 + 4 + 4 + NONCE_BYTES;
  private static final int PROOF_BYTES = 32;

  private final MeshConfig config;

  Handshake(MeshConfig config) {
    this.config = config;
  }

  /**
   * Proves and checks.
   *
   * @return the peer's rank
   * @throws IOException if the other end is not a rank of this run
   */
  int perform(TimedChannel channel) throws IOException {
    byte[] ownNonce = new byte[NONCE_BYTES];
    new SecureRandom().nextBytes(ownNonce);
    ByteBuffer greeting = ByteBuffer.allocate(GREETING_BYTES);
    greeting.putInt(MAGIC).putInt(VERSION).putInt(config.rank()).put(ownNonce);
    channel.write(greeting.flip());

    ByteBuffer theirs = channel.read(GREETING_BYTES);
    int magic = theirs.getInt();
    int version = theirs.getInt();
    if (magic != MAGIC || version != VERSION) {
      throw new IOException("not a rank: greeting %08x, version %d".formatted(magic, version));
    }
    int peer = theirs.getInt();
    byte[] peerNonce = new byte[NONCE_BYTES];
    theirs.get(peerNonce);
    channel.write(ByteBuffer.wrap(proof(config.rank(), peer, ownNonce, peerNonce)));
    byte[] shown = channel.read(PROOF_BYTES).array();
    if (!MessageDigest.isEqual(shown, proof(peer, config.rank(), peerNonce, ownNonce))) {
      throw new IOException("rank %d does not know the run's secret".formatted(peer));
    }
    return peer;
  }

  private byte[] proof(int prover, int verifier, byte[] proverNonce, byte[] verifierNonce) {
    try {
      Mac mac = Mac.getInstance("HmacSHA256");
      mac.init(new SecretKeySpec(config.secret(), "HmacSHA256"));
      String what =
          "%s\n%d\n%d\n%d\n".formatted(config.runId(), config.worldSize(), prover, verifier);
      mac.update(what.getBytes(StandardCharsets.UTF_8));
      mac.update(proverNonce);
      return mac.doFinal(verifierNonce);
    } catch (GeneralSecurityException e) {
      throw new AssertionError("unreachable: every JDK has HmacSHA256", e);
    }
  }
}
