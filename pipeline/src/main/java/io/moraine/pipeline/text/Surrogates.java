package io.moraine.pipeline.text;

/** Halves of code points in Java's strings. */
public final class Surrogates {

  private Surrogates() {}

  /** Whether a string has a surrogate without its partner; UTF-8 cannot express it. */
  public static boolean hasLone(String text) {
    for (int i = 0; i < text.length(); i++) {
      char c = text.charAt(i);
      if (Character.isHighSurrogate(c)
          && i + 1 < text.length()
          && Character.isLowSurrogate(text.charAt(i + 1))) {
        i++;
      } else if (Character.isSurrogate(c)) {
        return true;
      }
    }
    return false;
  }
}
