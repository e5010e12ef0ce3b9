package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.Optional;

/**
 * The printable characters that stand for bytes in a vocabulary file.
 *
 * @source Radford et al., GPT-2, 2019, encoder.py, bytes_to_unicode
 */
final class ByteLevel {

  private static final char[] CHARACTER_OF_BYTE = new char[256];
  private static final int[] BYTE_OF_CHARACTER = new int[512];

  static {
    Arrays.fill(BYTE_OF_CHARACTER, -1);
    char next = 256;
    for (int b = 0; b < 256; b++) {
      boolean printable = b >= '!' && b <= '~' || b >= 0xa1 && b <= 0xac || b >= 0xae;
      CHARACTER_OF_BYTE[b] = printable ? (char) b : next++;
      BYTE_OF_CHARACTER[CHARACTER_OF_BYTE[b]] = b;
    }
  }

  private ByteLevel() {}

  static char characterOf(byte b) {
    return CHARACTER_OF_BYTE[b & 0xff];
  }

  static String write(byte[] bytes) {
    char[] characters = new char[bytes.length];
    for (int i = 0; i < bytes.length; i++) {
      characters[i] = characterOf(bytes[i]);
    }
    return new String(characters);
  }

  /** The bytes of a token as it stands in a file; empty if a character stands for no byte. */
  static Optional<byte[]> read(String token) {
    byte[] bytes = new byte[token.length()];
    for (int i = 0; i < bytes.length; i++) {
      char c = token.charAt(i);
      int b = c < BYTE_OF_CHARACTER.length ? BYTE_OF_CHARACTER[c] : -1;
      if (b < 0) {
        return Optional.empty();
      }
      bytes[i] = (byte) b;
    }
    return Optional.of(bytes);
  }
}
