package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.text.Normalizer;
import java.text.Normalizer.Form;

/** Unicode's composed form of UTF-8. */
final class Nfc {

  /** Below U+0300, whose first byte this is, every text is composed. */
  private static final int FIRST_COMBINING = 0xcc;

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
    String whole = new String(text, from, to - from, StandardCharsets.UTF_8);
    return Normalizer.normalize(whole, Form.NFC).getBytes(StandardCharsets.UTF_8);
  }
}
