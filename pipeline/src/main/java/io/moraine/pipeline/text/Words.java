package io.moraine.pipeline.text;

import java.util.Locale;
import java.util.function.Consumer;

/**
 * The words of a text: maximal runs of letters, numbers and {@code _} (Python's {@code \w+}) in the
 * lower-cased text.
 */
public final class Words {

  private static final int WORD_TYPES =
      1 << Character.UPPERCASE_LETTER
          | 1 << Character.LOWERCASE_LETTER
          | 1 << Character.TITLECASE_LETTER
          | 1 << Character.MODIFIER_LETTER
          | 1 << Character.OTHER_LETTER
          | 1 << Character.DECIMAL_DIGIT_NUMBER
          | 1 << Character.LETTER_NUMBER
          | 1 << Character.OTHER_NUMBER;

  private Words() {}

  /** Receives a word and where it stands in the text: chars {@code [start, end)}. */
  @FunctionalInterface
  interface SpanAction {
    void accept(String word, int start, int end);
  }

  /** Calls {@code action} with each word in order. */
  public static void forEach(String text, Consumer<String> action) {
    forEachSpan(text, (word, start, end) -> action.accept(word));
  }

  /** Calls {@code action} with each word in order and its place in the text as given. */
  static void forEachSpan(String text, SpanAction action) {
    String lower = text.toLowerCase(Locale.ROOT);
    int[] places = lower.length() == text.length() ? new int[0] : placesOfLower(text, lower);
    int start = -1;
    for (int i = 0; i < lower.length(); ) {
      int codePoint = lower.codePointAt(i);
      if (isWordCharacter(codePoint)) {
        start = start < 0 ? i : start;
      } else if (start >= 0) {
        accept(action, lower, start, i, places);
        start = -1;
      }
      i += Character.charCount(codePoint);
    }
    if (start >= 0) {
      accept(action, lower, start, lower.length(), places);
    }
  }

  private static void accept(SpanAction action, String lower, int start, int end, int[] places) {
    boolean same = places.length == 0;
    action.accept(
        lower.substring(start, end), same ? start : places[start], same ? end : places[end]);
  }

  /** Where each char of the lower-cased text comes from; only U+0130 becomes longer, two chars. */
  private static int[] placesOfLower(String text, String lower) {
    int[] places = new int[lower.length() + 1];
    int at = 0;
    for (int i = 0; i < text.length(); i++) {
      places[at++] = i;
      if (text.charAt(i) == '\u0130') {
        places[at++] = i + 1;
      }
    }
    places[at] = text.length();
    return places;
  }

  static boolean isWordCharacter(int codePoint) {
    if (codePoint < 128) {
      return codePoint >= 'a' && codePoint <= 'z'
          || codePoint >= '0' && codePoint <= '9'
          || codePoint == '_'
          || codePoint >= 'A' && codePoint <= 'Z';
    }
    return (WORD_TYPES >> Character.getType(codePoint) & 1) != 0;
  }
}
