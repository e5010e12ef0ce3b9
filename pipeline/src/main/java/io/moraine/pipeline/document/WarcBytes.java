package io.moraine.pipeline.document;

import java.io.EOFException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Optional;
import java.util.zip.ZipException;

/**
 * The bytes of a WARC file as a channel that jwarc reads a record from: counted, with lookahead. A
 * stream that breaks looks to jwarc like one that ends; {@link #hasFailed()} tells.
 */
final class WarcBytes implements ReadableByteChannel {

  private static final byte[] RECORD_START = "WARC/".getBytes(StandardCharsets.US_ASCII);

  private final InputStream in;
  private final ByteBuffer ahead = ByteBuffer.allocate(1 << 14).flip();
  private long delivered;
  private boolean ended;
  private Optional<IOException> failure = Optional.empty();

  WarcBytes(InputStream in) {
    this.in = in;
  }

  /** What is read but not used; jwarc's buffer. */
  ByteBuffer ahead() {
    return ahead;
  }

  /** Offset of the next byte to be used. */
  long offset() {
    return delivered - ahead.remaining();
  }

  /** Whether a break of the stream that is just met began at or before an offset. */
  boolean brokeBefore(long offset) {
    return failure.isPresent() && in instanceof GzipMembers gzip && gzip.memberStart() <= offset;
  }

  /** Whether the stream broke behind the bytes in the buffer. */
  boolean hasFailed() {
    return failure.isPresent();
  }

  /** Why the stream broke; reading goes on behind it where the compression allows it. */
  IOException takeFailure() {
    IOException taken = failure.orElseThrow();
    failure = Optional.empty();
    boolean damage = taken instanceof ZipException || taken instanceof EOFException;
    ended = !damage || !(in instanceof GzipMembers);
    return taken;
  }

  /** Drops what is left in the buffer if the stream has ended: jwarc leaves it in any state. */
  void settle() {
    if (ended || failure.isPresent()) {
      ahead.position(0).limit(0);
    }
  }

  /** Skips empty lines; false if no byte follows. */
  boolean skipLineEnds() {
    while (has(1)) {
      byte b = ahead.get(ahead.position());
      if (b != '\r' && b != '\n') {
        return true;
      }
      ahead.get();
    }
    return false;
  }

  boolean atRecord() {
    if (!has(RECORD_START.length)) {
      return false;
    }
    for (int i = 0; i < RECORD_START.length; i++) {
      if (ahead.get(ahead.position() + i) != RECORD_START[i]) {
        return false;
      }
    }
    return true;
  }

  /** Moves to the next line that begins a record; false if none does. */
  boolean seekRecord(boolean atLineStart) {
    boolean lineStart = atLineStart;
    while (has(1)) {
      if (lineStart && atRecord()) {
        return true;
      }
      lineStart = has(1) && ahead.get() == '\n';
    }
    return false;
  }

  /** The next bytes for people to look at. */
  String preview() {
    boolean all = has(DocumentReader.RAW_BYTES);
    int shown = all ? DocumentReader.RAW_BYTES : ahead.remaining();
    return StrictUtf8.preview(ahead.array(), ahead.position(), shown);
  }

  @Override
  public int read(ByteBuffer target) {
    if (ended || failure.isPresent()) {
      return -1;
    }
    try {
      int at = target.arrayOffset() + target.position();
      int count = in.read(target.array(), at, target.remaining());
      if (count < 0) {
        ended = true;
        return -1;
      }
      target.position(target.position() + count);
      delivered += count;
      return count;
    } catch (IOException e) {
      failure = Optional.of(e);
      return -1;
    }
  }

  @Override
  public boolean isOpen() {
    return true;
  }

  @Override
  public void close() {
    // the stream belongs to the caller
  }

  private boolean has(int count) {
    int read = 0;
    while (ahead.remaining() < count && read >= 0) {
      ahead.compact();
      read = read(ahead);
      ahead.flip();
    }
    return ahead.remaining() >= count;
  }
}
