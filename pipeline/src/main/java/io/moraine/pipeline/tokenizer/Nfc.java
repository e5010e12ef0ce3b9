package io.moraine.pipeline.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.text.Normalizer.Form;

/**
 * Unicode's composed form of UTF-8, of version 9.0 as Hugging Face's.
 *
 * <p>Composition is stable: a newer version differs only in characters that are newer. Those stand
 * apart here, as version 9.0 takes an unassigned character, and the JDK composes what is between.
 */
final class Nfc {

  /** Below U+0300, whose first byte this is, every text is composed. */
  private static final int FIRST_COMBINING = 0xcc;

  /** Ranges of code points, assigned from 10.0 to 16.0, that take part in composition. */
  private static final int[] NEWER = {
    0x7fd, 0x7fd, 0x897, 0x89f, 0x8ca, 0x8d3, 0x9fe, 0x9fe, 0xc3c, 0xc3c, 0xd3b, 0xd3c, 0xeba,
    0xeba, 0x1715, 0x1715, 0x1abf, 0x1ace, 0x1df6, 0x1dfa, 0xa82c, 0xa82c, 0x105c9, 0x105c9,
    0x105d2, 0x105d2, 0x105da, 0x105da, 0x105e4, 0x105e4, 0x10d24, 0x10d27, 0x10d69, 0x10d6d,
    0x10eab, 0x10eac, 0x10efd, 0x10eff, 0x10f46, 0x10f50, 0x10f82, 0x10f85, 0x11070, 0x11070,
    0x1133b, 0x1133b, 0x11382, 0x11385, 0x1138b, 0x1138b, 0x1138e, 0x1138e, 0x11390, 0x11391,
    0x113b8, 0x113b8, 0x113bb, 0x113bb, 0x113c2, 0x113c2, 0x113c5, 0x113c5, 0x113c7, 0x113c9,
    0x113ce, 0x113d0, 0x1145e, 0x1145e, 0x11839, 0x1183a, 0x11930, 0x11930, 0x11935, 0x11935,
    0x11938, 0x11938, 0x1193d, 0x1193e, 0x11943, 0x11943, 0x119e0, 0x119e0, 0x11a34, 0x11a34,
    0x11a47, 0x11a47, 0x11a99, 0x11a99, 0x11d42, 0x11d42, 0x11d44, 0x11d45, 0x11d97, 0x11d97,
    0x11f41, 0x11f42, 0x1611e, 0x16129, 0x1612f, 0x1612f, 0x16d63, 0x16d63, 0x16d67, 0x16d6a,
    0x16ff0, 0x16ff1, 0x1e08f, 0x1e08f, 0x1e130, 0x1e136, 0x1e2ae, 0x1e2ae, 0x1e2ec, 0x1e2ef,
    0x1e4ec, 0x1e4ef, 0x1e5ee, 0x1e5ef
  };

  private Nfc() {}

  /** Whether a text is certain to be composed. */
  static boolean isNormalized(byte[] text, int from, int to) {
    for (int i = from; i < to; i++) {
      if ((text[i] & 0xff) >= FIRST_COMBINING) {
        return false;
      }
    }
    return true;
  }

  static byte[] normalized(byte[] text, int from, int to) {
    ByteArrayOutputStream out = new ByteArrayOutputStream(to - from);
    int begin = from;
    for (int at = from, next; at < to; at = next) {
      next = Utf8Text.next(text, at);
      if (isNewer(Utf8Text.codePointAt(text, at))) {
        compose(text, begin, at, out);
        out.write(text, at, next - at);
        begin = next;
      }
    }
    compose(text, begin, to, out);
    return out.toByteArray();
  }

  private static void compose(byte[] text, int from, int to, ByteArrayOutputStream out) {
    String span = new String(text, from, to - from, StandardCharsets.UTF_8);
    out.writeBytes(Normalizer.normalize(span, Form.NFC).getBytes(StandardCharsets.UTF_8));
  }

  private static boolean isNewer(int codePoint) {
    if (codePoint < NEWER[0]) {
      return false;
    }
    for (int i = 0; i < NEWER.length; i += 2) {
      if (codePoint >= NEWER[i] && codePoint <= NEWER[i + 1]) {
        return true;
      }
    }
    return GeneralCategory.of(codePoint).equals("Cn");
  }
}
