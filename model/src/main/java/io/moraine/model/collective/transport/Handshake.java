package io.moraine.model.collective.transport;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.net.Socket;
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
  private static final int VERSION = 1;
  private static final int NONCE_BYTES = 16;
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
  int perform(Socket socket) throws IOException {
    DataOutputStream out = new DataOutputStream(socket.getOutputStream());
    DataInputStream in = new DataInputStream(socket.getInputStream());
    byte[] ownNonce = new byte[NONCE_BYTES];
    new SecureRandom().nextBytes(ownNonce);
    out.writeInt(MAGIC);
    out.writeInt(VERSION);
    out.writeInt(config.rank());
    out.write(ownNonce);
    out.flush();

    int magic = in.readInt();
    int version = in.readInt();
    if (magic != MAGIC || version != VERSION) {
      throw new IOException("not a rank: greeting %08x, version %d".formatted(magic, version));
    }
    int peer = in.readInt();
    byte[] peerNonce = in.readNBytes(NONCE_BYTES);
    out.write(proof(config.rank(), peer, ownNonce, peerNonce));
    out.flush();
    byte[] theirs = in.readNBytes(PROOF_BYTES);
    if (!MessageDigest.isEqual(theirs, proof(peer, config.rank(), peerNonce, ownNonce))) {
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
