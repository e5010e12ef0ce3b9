package io.moraine.pipeline.pii;

/** Kinds of characters that the scanners share; anything outside of the text is none of them. */
final class Chars {

  private Chars() {}

  /** The character at a place; 0 outside of the text. */
  static char at(String text, int i) {
    return i >= 0 && i < text.length() ? text.charAt(i) : 0;
  }

  static boolean isDigit(char c) {
    return c >= '0' && c <= '9';
  }

  static boolean isAsciiLetter(char c) {
    return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z';
  }

  static boolean isAsciiAlphanumeric(char c) {
    return isDigit(c) || isAsciiLetter(c);
  }

  /** A letter of any script, a digit or {@code _}: what numbers and keys do not stand beside. */
  static boolean isWord(char c) {
    return isAsciiAlphanumeric(c) || c == '_' || c >= 128 && Character.isLetterOrDigit(c);
  }

  static int skipDigits(String text, int from) {
    int i = from;
    while (isDigit(at(text, i))) {
      i++;
    }
    return i;
  }
}
