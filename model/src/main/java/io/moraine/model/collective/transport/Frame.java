package io.moraine.model.collective.transport;

import java.io.DataInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What travels between two ranks: magic, kind, sequence number, payload length, CRC32C of the last
 * three, CRC32C of the payload, payload (docs/formats.md). A length is believed only when its
 * checksum is right, so that nobody waits for what never comes.
 */
record Frame(Kind kind, byte[] payload) {

  static final int HEADER_BYTES = 4 + 1 + 8 + 4 + 4 + 4;
  static final int MAX_PAYLOAD_BYTES = 1 << 26;

  private static final int MAGIC = 0x4d465232; // "MFR2"
  private static final int FIELDS_AT = 4;
  private static final int FIELD_BYTES = 1 + 8 + 4;
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
    bytes.putInt(checksum(bytes.array(), FIELDS_AT, FIELD_BYTES));
    bytes.putInt(checksum(payload, 0, payload.length)).put(payload);
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
    if (magic != MAGIC) {
      throw new IOException("no frame: magic %08x".formatted(magic));
    }
    requireIntact(sequence, fields.getInt(), checksum(header, FIELDS_AT, FIELD_BYTES));
    if (kind.isEmpty() || length < 0 || length > MAX_PAYLOAD_BYTES) {
      throw new IOException("no frame: kind %d, length %d".formatted(code, length));
    }
    byte[] payload = new byte[length];
    in.readFully(payload);
    requireIntact(sequence, fields.getInt(), checksum(payload, 0, length));
    if (received != sequence) {
      throw new IOException("frame %d came where %d was due".formatted(received, sequence));
    }
    return new Frame(kind.get(), payload);
  }

  private static void requireIntact(long sequence, int sent, int computed) throws IOException {
    if (sent != computed) {
      throw new IOException(
          "frame %d is damaged: checksum %08x, computed %08x".formatted(sequence, sent, computed));
    }
  }

  private static int checksum(byte[] bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, from, length);
    return (int) crc.getValue();
  }
}
