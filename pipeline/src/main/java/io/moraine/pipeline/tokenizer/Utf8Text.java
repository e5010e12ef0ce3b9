package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.text.Surrogates;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/** Texts as well-formed UTF-8, and the code points in it. */
final class Utf8Text {

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long HIGH_BITS = 0x8080808080808080L;

  private Utf8Text() {}

  /** A text's bytes, a surrogate without its partner as U+FFFD (Java itself would write "?"). */
  static byte[] of(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return Surrogates.hasLone(text) ? replaced(text).getBytes(StandardCharsets.UTF_8) : bytes;
  }

  /** The same bytes, if they are well-formed UTF-8; else a copy with U+FFFD for what is not. */
  static byte[] wellFormed(byte[] bytes) {
    return isWellFormed(bytes)
        ? bytes
        : new String(bytes, StandardCharsets.UTF_8).getBytes(StandardCharsets.UTF_8);
  }

  /** The code point that begins at {@code at} in well-formed UTF-8. */
  static int codePointAt(byte[] text, int at) {
    int lead = text[at];
    if (lead >= 0) {
      return lead;
    }
    if (lead < (byte) 0xe0) {
      return (lead & 0x1f) << 6 | text[at + 1] & 0x3f;
    }
    if (lead < (byte) 0xf0) {
      return (lead & 0xf) << 12 | (text[at + 1] & 0x3f) << 6 | text[at + 2] & 0x3f;
    }
    return (lead & 0x7) << 18
        | (text[at + 1] & 0x3f) << 12
        | (text[at + 2] & 0x3f) << 6
        | text[at + 3] & 0x3f;
  }

  /** Where the code point after the one at {@code at} begins. */
  static int next(byte[] text, int at) {
    int lead = text[at];
    return at + (lead >= 0 ? 1 : lead < (byte) 0xe0 ? 2 : lead < (byte) 0xf0 ? 3 : 4);
  }

  /** Where the code point before {@code at} begins. */
  static int previous(byte[] text, int at) {
    int previous = at - 1;
    while ((text[previous] & 0xc0) == 0x80) {
      previous--;
    }
    return previous;
  }

  private static String replaced(String text) {
    StringBuilder out = new StringBuilder(text.length());
    text.codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c)
        .forEach(out::appendCodePoint);
    return out.toString();
  }

  private static boolean isWellFormed(byte[] bytes) {
    int at = 0;
    while (at < bytes.length) {
      if (at + 8 <= bytes.length && ((long) LONG.get(bytes, at) & HIGH_BITS) == 0) {
        at += 8;
      } else {
        int next = nextIfWellFormed(bytes, at);
        if (next < 0) {
          return false;
        }
        at = next;
      }
    }
    return true;
  }

  /** Where the next code point begins; negative if that at {@code at} is not well formed. */
  private static int nextIfWellFormed(byte[] bytes, int at) {
    if (bytes[at] >= 0) {
      return at + 1;
    }
    int next = next(bytes, at);
    int lead = bytes[at] & 0xff;
    if (lead < 0xc2 || lead > 0xf4 || next > bytes.length) {
      return -1;
    }
    for (int i = at + 1; i < next; i++) {
      if ((bytes[i] & 0xc0) != 0x80) {
        return -1;
      }
    }
    int second = bytes[at + 1] & 0xff;
    boolean overlong = lead == 0xe0 && second < 0xa0 || lead == 0xf0 && second < 0x90;
    boolean outside = lead == 0xed && second > 0x9f || lead == 0xf4 && second > 0x8f;
    return overlong || outside ? -1 : next;
  }
}
