package io.moraine.model.collective.transport;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What travels between two ranks: magic, kind, sequence number, payload length, CRC32C of all that
 * but the magic and of the payload, payload (docs/formats.md).
 */
record Frame(Kind kind, byte[] payload) {

  static final int HEADER_BYTES = 4 + 1 + 8 + 4 + 4;
  static final int MAX_PAYLOAD_BYTES = 1 << 26;

  private static final int MAGIC = 0x4d465232; // "MFR2"
  private static final int CHECKSUM_AT = 4 + 1 + 8 + 4;
  private static final byte[] NOTHING = new byte[0];

  /** What a frame is for. */
  enum Kind {
    DATA(1),
    HEARTBEAT(2),
    ABORT(3);

    private final byte code;

    Kind(int code) {
      this.code = (byte) code;
    }

    byte code() {
      return code;
    }

    private static Optional<Kind> of(byte code) {
      return Arrays.stream(values()).filter(kind -> kind.code == code).findFirst();
    }
  }

  static Frame heartbeat() {
    return new Frame(Kind.HEARTBEAT, NOTHING);
  }

  /** The frame as it is sent. */
  byte[] toBytes(long sequence) {
    ByteBuffer bytes = ByteBuffer.allocate(HEADER_BYTES + payload.length);
    bytes.putInt(MAGIC).put(kind.code()).putLong(sequence).putInt(payload.length);
    bytes.putInt(0).put(payload);
    bytes.putInt(CHECKSUM_AT, checksum(bytes.array(), payload));
    return bytes.array();
  }

  /**
   * Reads the frame that is due.
   *
   * @throws IOException if what comes is no frame, another one, or damaged
   */
  static Frame read(DataInputStream in, long sequence) throws IOException {
    byte[] header = new byte[HEADER_BYTES];
    in.readFully(header);
    ByteBuffer fields = ByteBuffer.wrap(header);
    int magic = fields.getInt();
    byte code = fields.get();
    Optional<Kind> kind = Kind.of(code);
    long received = fields.getLong();
    int length = fields.getInt();
    int checksum = fields.getInt();
    if (magic != MAGIC || kind.isEmpty() || length < 0 || length > MAX_PAYLOAD_BYTES) {
      throw new IOException(
          "no frame: magic %08x, kind %d, length %d".formatted(magic, code, length));
    }
    byte[] payload = new byte[length];
    in.readFully(payload);
    int computed = checksum(header, payload);
    if (checksum != computed) {
      throw new IOException(
          "frame %d is damaged: checksum %08x, computed %08x"
              .formatted(sequence, checksum, computed));
    }
    if (received != sequence) {
      throw new IOException("frame %d came where %d was due".formatted(received, sequence));
    }
    return new Frame(kind.get(), payload);
  }

  private static int checksum(byte[] header, byte[] payload) {
    CRC32C crc = new CRC32C();
    crc.update(header, 4, CHECKSUM_AT - 4);
    crc.update(payload);
    return (int) crc.getValue();
  }
}
