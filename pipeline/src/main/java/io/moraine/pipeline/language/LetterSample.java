package io.moraine.pipeline.language;

/**
 * What of a text its language is told from: letters in lower case, words apart by one space, of a
 * bounded number of samples spread evenly over the text.
 */
final class LetterSample {

  /** A text of more than SAMPLES times SAMPLE_LENGTH characters is looked at in so many places. */
  static final int SAMPLES = 8;

  static final int SAMPLE_LENGTH = 125;

  private final StringBuilder out = new StringBuilder(SAMPLES * SAMPLE_LENGTH + SAMPLES + 2);
  private int letters;

  private LetterSample() {}

  /** The sample of a text. */
  static LetterSample of(String text) {
    LetterSample sample = new LetterSample();
    sample.out.append(' ');
    if (text.length() <= SAMPLES * SAMPLE_LENGTH) {
      sample.add(text, 0, text.length());
    } else {
      for (int i = 0; i < SAMPLES; i++) {
        long from = (long) i * (text.length() - SAMPLE_LENGTH) / (SAMPLES - 1);
        sample.add(text, (int) from, (int) from + SAMPLE_LENGTH);
      }
    }
    return sample;
  }

  /** The letters, with a space in front of each word and behind the last. */
  CharSequence text() {
    return out;
  }

  /** Number of letters. */
  int letters() {
    return letters;
  }

  private void add(String text, int from, int to) {
    for (int i = from; i < to; i++) {
      char c = text.charAt(i);
      if (c == 'h' && isAddress(text, i)) {
        i = endOfWord(text, i, to);
        addSpace();
      } else if (Character.isLetter(c) || isMark(c)) {
        out.append(Character.toLowerCase(c));
        letters++;
      } else {
        addSpace();
      }
    }
    addSpace();
  }

  private void addSpace() {
    if (out.charAt(out.length() - 1) != ' ') {
      out.append(' ');
    }
  }

  private static boolean isAddress(String text, int at) {
    return text.startsWith("http://", at) || text.startsWith("https://", at);
  }

  private static int endOfWord(String text, int from, int to) {
    int end = from;
    while (end < to && !Character.isWhitespace(text.charAt(end))) {
      end++;
    }
    return end;
  }

  /** Vowel signs of Indian scripts, accents that are characters of their own. */
  private static boolean isMark(char c) {
    int type = Character.getType(c);
    return type == Character.NON_SPACING_MARK || type == Character.COMBINING_SPACING_MARK;
  }
}
