package io.moraine.pipeline.document;

import java.nio.ByteBuffer;
import java.nio.charset.CharacterCodingException;
import java.nio.charset.CodingErrorAction;
import java.nio.charset.StandardCharsets;
import java.util.Optional;

/** Strict UTF-8: malformed bytes are an answer of their own, not replacement characters. */
final class StrictUtf8 {

  private StrictUtf8() {}

  /** The text of a range of bytes; empty if they are not well-formed UTF-8. */
  static Optional<String> decode(byte[] bytes, int offset, int length) {
    try {
      return Optional.of(
          StandardCharsets.UTF_8
              .newDecoder()
              .onMalformedInput(CodingErrorAction.REPORT)
              .onUnmappableCharacter(CodingErrorAction.REPORT)
              .decode(ByteBuffer.wrap(bytes, offset, length))
              .toString());
    } catch (CharacterCodingException e) {
      return Optional.empty();
    }
  }

  /** The beginning of a range of bytes for people to look at; malformed bytes replaced. */
  static String preview(byte[] bytes, int offset, int length) {
    int shown = Math.min(length, DocumentReader.RAW_BYTES);
    return new String(bytes, offset, shown, StandardCharsets.UTF_8);
  }

  /** Length of a byte order mark at the start, 3, or 0 if there is none. */
  static int byteOrderMark(byte[] bytes, int length) {
    boolean present =
        length >= 3
            && bytes[0] == (byte) 0xef
            && bytes[1] == (byte) 0xbb
            && bytes[2] == (byte) 0xbf;
    return present ? 3 : 0;
  }
}
