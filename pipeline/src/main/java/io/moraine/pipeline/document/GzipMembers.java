package io.moraine.pipeline.document;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.util.zip.CRC32;
import java.util.zip.DataFormatException;
import java.util.zip.Inflater;
import java.util.zip.ZipException;

/**
 * The members of a gzip file one after the other. A damaged member is one exception; reading again
 * goes on with the next member that is found behind the damage. Never asks a stream what is
 * available: remote ones say 0 where members follow.
 *
 * @source RFC 1952
 */
final class GzipMembers extends InputStream {

  private static final int HEADER_BYTES = 10;
  private static final int HEADER_CHECKSUM = 2;
  private static final int EXTRA = 4;
  private static final int NAME = 8;
  private static final int COMMENT = 16;

  private final InputStream in;
  private final byte[] buffer = new byte[1 << 16];
  private int from;
  private int to;
  private final Inflater inflater = new Inflater(true);
  private final CRC32 crc = new CRC32();
  private long delivered;
  private long memberStart;
  private boolean inMember;
  private boolean damaged;

  GzipMembers(InputStream in) {
    this.in = in;
  }

  /** Where the member begins that was read last, in decompressed bytes. */
  long memberStart() {
    return memberStart;
  }

  @Override
  public int read() throws IOException {
    byte[] one = new byte[1];
    return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
  }

  /** Bytes of one member at most. */
  @Override
  public int read(byte[] bytes, int offset, int length) throws IOException {
    if (length == 0) {
      return 0;
    }
    boolean whole = false;
    try {
      int count = 0;
      while (count == 0) {
        count = inMember || open() ? inflate(bytes, offset, length) : -1;
      }
      whole = true;
      return count;
    } finally {
      if (!whole) {
        inMember = false;
        damaged = true;
      }
    }
  }

  @Override
  public void close() throws IOException {
    inflater.end();
    in.close();
  }

  private int inflate(byte[] bytes, int offset, int length) throws IOException {
    if (inflater.needsInput() && !inflater.finished()) {
      if (!has(1)) {
        throw new EOFException("unexpected end");
      }
      inflater.setInput(buffer, from, to - from);
    }
    int count;
    try {
      count = inflater.inflate(bytes, offset, length);
    } catch (DataFormatException e) {
      throw new ZipException(e.getMessage());
    } finally {
      from = to - inflater.getRemaining();
    }
    crc.update(bytes, offset, count);
    delivered += count;
    if (count == 0 && inflater.finished()) {
      closeMember();
    } else if (count == 0 && inflater.needsDictionary()) {
      throw new ZipException("needs a dictionary");
    }
    return count;
  }

  private void closeMember() throws IOException {
    require(8);
    long expected = integer(from);
    long size = integer(from + 4);
    from += 8;
    if (expected != crc.getValue()) {
      throw new ZipException("wrong checksum");
    }
    if (size != (inflater.getBytesWritten() & 0xffffffffL)) {
      throw new ZipException("wrong length");
    }
    inMember = false;
  }

  /** Moves behind the next member's header; false at the end of the file. */
  private boolean open() throws IOException {
    if (damaged) {
      while (has(HEADER_BYTES) && !looksLikeHeader()) {
        from++;
      }
      damaged = false;
      if (!has(HEADER_BYTES)) {
        from = to;
      }
    } else if (delivered > 0) {
      while (has(1) && buffer[from] == 0) { // padding to a block's size
        from++;
      }
    }
    memberStart = delivered;
    if (!has(1)) {
      return false;
    }
    require(HEADER_BYTES);
    if (!isMagic()) {
      throw new ZipException("not in gzip format");
    }
    int flags = buffer[from + 3];
    from += HEADER_BYTES;
    if ((flags & EXTRA) != 0) {
      require(2);
      int length = (buffer[from] & 0xff) | (buffer[from + 1] & 0xff) << 8;
      skip(2);
      skip(length);
    }
    for (int field : new int[] {NAME, COMMENT}) {
      boolean ended = (flags & field) == 0;
      while (!ended) {
        require(1);
        ended = buffer[from++] == 0;
      }
    }
    skip((flags & HEADER_CHECKSUM) != 0 ? 2 : 0);
    inflater.reset();
    crc.reset();
    inMember = true;
    return true;
  }

  private boolean isMagic() {
    return buffer[from] == 0x1f && buffer[from + 1] == (byte) 0x8b && buffer[from + 2] == 8;
  }

  /** Also that the other fields have values in use: compressed bytes often look like the magic. */
  private boolean looksLikeHeader() {
    int flags = buffer[from + 3] & 0xff;
    int level = buffer[from + 8];
    int system = buffer[from + 9];
    return isMagic() && flags < 32 && (level == 0 || level == 2 || level == 4) && system <= 13;
  }

  private long integer(int at) {
    return (buffer[at] & 0xffL)
        | (buffer[at + 1] & 0xffL) << 8
        | (buffer[at + 2] & 0xffL) << 16
        | (buffer[at + 3] & 0xffL) << 24;
  }

  private void require(int count) throws IOException {
    if (!has(count)) {
      throw new EOFException("unexpected end");
    }
  }

  private void skip(int count) throws IOException {
    require(count);
    from += count;
  }

  /** Whether so many bytes follow; then they are in the buffer. */
  private boolean has(int count) throws IOException {
    while (to - from < count) {
      System.arraycopy(buffer, from, buffer, 0, to - from);
      to -= from;
      from = 0;
      int read = in.read(buffer, to, buffer.length - to);
      if (read < 0) {
        return false;
      }
      to += read;
    }
    return true;
  }
}
