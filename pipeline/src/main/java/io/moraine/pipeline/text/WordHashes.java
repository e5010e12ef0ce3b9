package io.moraine.pipeline.text;

import io.moraine.pipeline.hash.Murmur3;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.Locale;

/**
 * Hashes of a text's {@link Words} straight from its bytes, without a String for each word.
 *
 * <p>Each code point is lower-cased alone. For two that does not do: U+0130, which becomes two, and
 * the Greek capital sigma, which looks at its neighbours. Texts with them or with malformed bytes
 * are lower-cased as a whole first, and lower case stays as it is when lower-cased again.
 */
final class WordHashes {

  private static final byte[] LOWER = lowerWordCharacters();

  private long[] hashes;
  private int count;
  private byte[] word = new byte[256];
  private int length;

  private WordHashes(int words) {
    hashes = new long[words];
  }

  /**
   * First 64 bits of the hash of every word that {@link Words#forEach} gives, in order.
   *
   * @cost O(bytes) time, 16 bytes a word
   */
  static long[] of(byte[] utf8) {
    WordHashes words = new WordHashes(utf8.length / 8 + 16);
    for (int i = 0; i < utf8.length; ) {
      byte b = utf8[i];
      if (b >= 0) {
        if (LOWER[b] != 0) {
          words.append(LOWER[b]);
        } else {
          words.end();
        }
        i++;
      } else {
        int codePoint = codePointAt(utf8, i);
        if (codePoint < 0 || codePoint == '\u03a3' || codePoint == '\u0130') {
          return of(lowerCase(utf8));
        }
        words.append(Character.toLowerCase(codePoint));
        i += codePoint < 0x800 ? 2 : codePoint < 0x10000 ? 3 : 4;
      }
    }
    words.end();
    return Arrays.copyOf(words.hashes, words.count);
  }

  private void append(byte b) {
    if (length == word.length) {
      word = Arrays.copyOf(word, 2 * length);
    }
    word[length++] = b;
  }

  private void append(int codePoint) {
    if (!Words.isWordCharacter(codePoint)) {
      end();
    } else if (codePoint < 0x80) {
      append((byte) codePoint);
    } else {
      int more = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
      append((byte) (0xff00 >> more + 1 | codePoint >> 6 * more));
      for (int shift = 6 * (more - 1); shift >= 0; shift -= 6) {
        append((byte) (0x80 | codePoint >> shift & 0x3f));
      }
    }
  }

  private void end() {
    if (length > 0) {
      if (count == hashes.length) {
        hashes = Arrays.copyOf(hashes, 2 * count);
      }
      hashes[count++] = Murmur3.hash128(word, 0, length, 0).low();
      length = 0;
    }
  }

  /** The code point whose bytes begin at a byte that is not ASCII; -1 if they are malformed. */
  private static int codePointAt(byte[] utf8, int at) {
    int lead = utf8[at];
    int more = lead >= -16 ? 3 : lead >= -32 ? 2 : 1;
    if (lead < -62 || lead > -12 || at + more >= utf8.length) {
      return -1;
    }
    int codePoint = lead & 0x3f >> more;
    for (int i = at + 1; i <= at + more; i++) {
      if (utf8[i] >= -64) {
        return -1;
      }
      codePoint = codePoint << 6 | utf8[i] & 0x3f;
    }
    boolean isShortest = codePoint >= (more == 1 ? 0x80 : more == 2 ? 0x800 : 0x10000);
    boolean isSurrogate = codePoint >> 11 == 0x1b;
    return isShortest && !isSurrogate && codePoint <= Character.MAX_CODE_POINT ? codePoint : -1;
  }

  private static byte[] lowerCase(byte[] utf8) {
    return new String(utf8, StandardCharsets.UTF_8)
        .toLowerCase(Locale.ROOT)
        .getBytes(StandardCharsets.UTF_8);
  }

  /** For each ASCII character its lower case, 0 if it belongs to no word. */
  private static byte[] lowerWordCharacters() {
    byte[] lower = new byte[128];
    for (int c = 0; c < lower.length; c++) {
      lower[c] = Words.isWordCharacter(c) ? (byte) Character.toLowerCase(c) : 0;
    }
    return lower;
  }
}
