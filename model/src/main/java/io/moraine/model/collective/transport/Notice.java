package io.moraine.model.collective.transport;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ByteChannel;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.util.Arrays;

/**
 * What a rank that cannot be connected tells those that wait for it: magic, its rank, a length, why
 * (UTF-8), HMAC of these with the run's secret. Without TLS, which is what failed; it holds no
 * secret.
 *
 * @param rank that gives up
 */
record Notice(int rank, String why) {

  static final int MAGIC = 0x4d4f5247; // "MORG"

  private static final String TO_ALL = "all";
  private static final int HEADER_BYTES = 4 + 4 + 4;
  private static final int MOST_BYTES = 1 << 12;

  /** Sends this. */
  void write(MeshConfig config, ByteChannel channel) throws IOException {
    byte[] text = why.getBytes(StandardCharsets.UTF_8);
    byte[] said = Arrays.copyOf(text, Math.min(text.length, MOST_BYTES));
    ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + said.length + Proof.BYTES);
    bytes.putInt(MAGIC).putInt(rank).putInt(said.length).put(said);
    channel.write(bytes.put(Proof.of(config, rank, TO_ALL, said)).flip());
  }

  /**
   * Reads one, from its magic on.
   *
   * @throws RefusedException if it comes from nobody who knows the run's secret
   */
  static Notice read(MeshConfig config, ByteChannel channel) throws IOException {
    ByteBuffer header = read(channel, HEADER_BYTES);
    int rank = header.getInt(4);
    int length = header.getInt(8);
    if (length < 0 || length > MOST_BYTES) {
      throw new RefusedException("not a rank: a notice of %d bytes".formatted(length));
    }
    byte[] said = read(channel, length).array();
    byte[] shown = read(channel, Proof.BYTES).array();
    if (!MessageDigest.isEqual(shown, Proof.of(config, rank, TO_ALL, said))) {
      throw new RefusedException(
          "rank %d is of another run or does not know this run's secret".formatted(rank));
    }
    return new Notice(rank, new String(said, StandardCharsets.UTF_8));
  }

  private static ByteBuffer read(ByteChannel channel, int length) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(length);
    while (bytes.hasRemaining()) {
      if (channel.read(bytes) < 0) {
        throw new EOFException("end of stream");
      }
    }
    return bytes.flip();
  }
}
