package io.moraine.pipeline.text;

import java.text.Normalizer;

/**
 * The form in which texts are kept: Unicode NFC, lines ended by {@code \n}, no control characters
 * but tab, no white space at the ends of lines or of the text.
 */
public final class TextNormalizer {

  private TextNormalizer() {}

  /** The normal form; idempotent. The sequence of words of the text stays. */
  public static String normalize(String text) {
    String nfc =
        Normalizer.isNormalized(text, Normalizer.Form.NFC)
            ? text
            : Normalizer.normalize(text, Normalizer.Form.NFC);
    StringBuilder out = new StringBuilder(nfc.length());
    for (int i = 0; i < nfc.length(); i++) {
      char c = nfc.charAt(i);
      if (c == '\n' || c == '\r') {
        if (c == '\r' && i + 1 < nfc.length() && nfc.charAt(i + 1) == '\n') {
          i++;
        }
        stripLineEnd(out);
        out.append('\n');
      } else if (c == '\t' || c == '\f' || c == '\u000b') {
        out.append(c == '\t' ? '\t' : ' ');
      } else if (!Character.isISOControl(c) && c != '\ufeff') {
        out.append(c);
      }
    }
    return out.toString().strip();
  }

  private static void stripLineEnd(StringBuilder out) {
    int end = out.length();
    while (end > 0 && (out.charAt(end - 1) == ' ' || out.charAt(end - 1) == '\t')) {
      end--;
    }
    out.setLength(end);
  }
}
