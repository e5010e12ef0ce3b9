package io.moraine.pipeline.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Runs of ASCII letters, eight bytes at a time: the length of a word is found without a branch for
 * each letter, which a processor could not foresee.
 *
 * @source Mycroft, Zero byte test, 1987; Warren, Hacker's Delight, 2nd edition, section 6-1
 */
final class Ascii {

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long EACH = 0x0101010101010101L;
  private static final long HIGH = 0x8080808080808080L;
  private static final long CASE = 0x2020202020202020L;

  private Ascii() {}

  /** End of a run of letters. */
  static int endOfLetters(byte[] text, int at, int to) {
    int end = at;
    while (end + 8 <= to) {
      long others = others((long) LONG.get(text, end), CASE);
      if (others != 0) {
        return end + (Long.numberOfTrailingZeros(others) >>> 3);
      }
      end += 8;
    }
    while (end < to && isLower(text[end] | 0x20) && text[end] >= 0) {
      end++;
    }
    return end;
  }

  /** End of a run of lower-case letters. */
  static int endOfLower(byte[] text, int at, int to) {
    int end = at;
    while (end + 8 <= to) {
      long others = others((long) LONG.get(text, end), 0);
      if (others != 0) {
        return end + (Long.numberOfTrailingZeros(others) >>> 3);
      }
      end += 8;
    }
    while (end < to && isLower(text[end])) {
      end++;
    }
    return end;
  }

  /** The highest bit of each byte that, with the bits of {@code ignored} set, is not in a to z. */
  private static long others(long bytes, long ignored) {
    long low = (bytes | ignored) & ~HIGH;
    long fromA = low + (0x80 - 'a') * EACH;
    long afterZ = low + (0x80 - 'z' - 1) * EACH;
    return (~fromA | afterZ | bytes) & HIGH;
  }

  private static boolean isLower(int b) {
    return b >= 'a' && b <= 'z';
  }
}
