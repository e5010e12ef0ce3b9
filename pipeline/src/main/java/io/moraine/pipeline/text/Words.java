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

  /** Calls {@code action} with each word in order. */
  public static void forEach(String text, Consumer<String> action) {
    String lower = text.toLowerCase(Locale.ROOT);
    int start = -1;
    for (int i = 0; i < lower.length(); ) {
      int codePoint = lower.codePointAt(i);
      if (isWordCharacter(codePoint)) {
        start = start < 0 ? i : start;
      } else if (start >= 0) {
        action.accept(lower.substring(start, i));
        start = -1;
      }
      i += Character.charCount(codePoint);
    }
    if (start >= 0) {
      action.accept(lower.substring(start));
    }
  }

  private static boolean isWordCharacter(int codePoint) {
    if (codePoint < 128) {
      return codePoint >= 'a' && codePoint <= 'z'
          || codePoint >= '0' && codePoint <= '9'
          || codePoint == '_'
          || codePoint >= 'A' && codePoint <= 'Z';
    }
    return (WORD_TYPES >> Character.getType(codePoint) & 1) != 0;
  }
}
