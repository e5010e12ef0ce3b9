package io.moraine.model.collective.transport;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Optional;
import java.util.zip.CRC32C;

/**
 * What travels between two ranks: magic, version, kind, operation, number of the collective, step,
 * sequence number, payload length, CRC32C of these from the kind on, CRC32C of the payload, payload
 * (docs/formats.md). A length is believed only when its checksum is right, so that nobody waits for
 * what never comes.
 *
 * @param tag of data; {@link #NO_TAG} for the other kinds
 */
record Frame(Kind kind, Tag tag, Payload payload) {

  static final int HEADER_BYTES = 4 + 1 + 1 + 4 + 8 + 8 + 4 + 4 + 4;
  static final int MAX_PAYLOAD_BYTES = 1 << 26;
  static final Tag NO_TAG = new Tag(Operation.BARRIER, 0, 0);

  private static final int MAGIC = 0x4d4652; // "MFR"
  private static final char VERSION = '5';
  private static final int FIELDS_AT = 4;
  private static final int FIELD_BYTES = 1 + 1 + 4 + 8 + 8 + 4;

  /** What a frame is for. */
  enum Kind {
    DATA(1),
    HEARTBEAT(2),
    ABORT(3),
    GOODBYE(4);

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

  /**
   * What a header says.
   *
   * @param checksum of the payload
   */
  record Header(Kind kind, Tag tag, int length, int checksum) {}

  /** Its length on the wire. */
  int bytes() {
    return HEADER_BYTES + payload.length();
  }

  /** A frame to be sent; the payload does not change any more. */
  static Frame of(Kind kind, Tag tag, Payload payload) {
    payload.seal();
    return new Frame(kind, tag, payload);
  }

  static Frame heartbeat() {
    return Frame.of(Kind.HEARTBEAT, NO_TAG, new PayloadPool().wrap(new byte[0]));
  }

  /** What a rank says last that has nothing more to do. */
  static Frame goodbye() {
    return Frame.of(Kind.GOODBYE, NO_TAG, new PayloadPool().wrap(new byte[0]));
  }

  static Frame abort(String reason) {
    byte[] text = reason.getBytes(StandardCharsets.UTF_8);
    return Frame.of(Kind.ABORT, NO_TAG, new PayloadPool().wrap(text));
  }

  /** Writes the header. */
  void putHeader(ByteBuffer dst, long sequence) {
    int from = dst.position();
    dst.putInt(MAGIC << 8 | VERSION)
        .put(kind.code())
        .put(tag.operation().code())
        .putInt(tag.number());
    dst.putLong(tag.step()).putLong(sequence).putInt(payload.length());
    dst.putInt(checksum(dst, from + FIELDS_AT, FIELD_BYTES)).putInt(payload.sealedChecksum());
  }

  /**
   * Reads the header that is due.
   *
   * @throws IOException if what comes is no frame, another one, or damaged
   */
  static Header header(ByteBuffer src, long sequence) throws IOException {
    int from = src.position();
    int begin = src.getInt();
    Optional<Kind> kind = Kind.of(src.get());
    Optional<Operation> operation = Operation.of(src.get());
    int number = src.getInt();
    long step = src.getLong();
    long received = src.getLong();
    int length = src.getInt();
    if (begin >>> 8 != MAGIC) {
      throw new IOException("no frame: magic %06x".formatted(begin >>> 8));
    }
    if ((begin & 0xff) != VERSION) {
      throw new IOException(
          "a frame of version %c, this rank has %c".formatted(begin & 0xff, VERSION));
    }
    requireIntact(sequence, src.getInt(), checksum(src, from + FIELDS_AT, FIELD_BYTES));
    if (kind.isEmpty() || operation.isEmpty() || length < 0 || length > MAX_PAYLOAD_BYTES) {
      throw new IOException("no frame: unknown kind or operation, or length " + length);
    }
    if (received != sequence) {
      throw new IOException("frame %d came where %d was due".formatted(received, sequence));
    }
    return new Header(kind.get(), new Tag(operation.get(), number, step), length, src.getInt());
  }

  static void requireIntact(long sequence, int sent, int computed) throws IOException {
    if (sent != computed) {
      throw new IOException(
          "frame %d is damaged: checksum %08x, computed %08x".formatted(sequence, sent, computed));
    }
  }

  private static int checksum(ByteBuffer bytes, int from, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes.slice(from, length));
    return (int) crc.getValue();
  }
}
