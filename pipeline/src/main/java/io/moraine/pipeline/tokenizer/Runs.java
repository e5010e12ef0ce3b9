package io.moraine.pipeline.tokenizer;

/** Runs of letters, numbers, white space and the rest, in terms of which most patterns are. */
final class Runs {

  /** Neither letter nor number nor white space: punctuation, symbols, marks, controls. */
  static final int OTHER = 0;

  static final int LETTER = 1;
  static final int NUMBER = 2;
  static final int NEWLINE = 3;

  /** White space but {@code \r} and {@code \n}. */
  static final int SPACE = 4;

  static final CodePointClasses CLASSES = new CodePointClasses(Runs::classOf);

  private Runs() {}

  /** End of the run of code points of one class that has begun before {@code at}. */
  static int end(byte[] text, int at, int to, int kind) {
    int end = at;
    while (end < to) {
      int c = CLASSES.ofByte(text[end]);
      if (c == kind) {
        end++;
      } else if (c == CodePointClasses.NOT_ASCII && CLASSES.at(text, end) == kind) {
        end = Utf8Text.next(text, end);
      } else {
        return end;
      }
    }
    return end;
  }

  /** End of the run of letters that has begun before {@code at}. */
  static int endOfLetters(byte[] text, int at, int to) {
    int end = Ascii.endOfLetters(text, at, to);
    while (end < to && text[end] < 0 && CLASSES.at(text, end) == LETTER) {
      end = Ascii.endOfLetters(text, Utf8Text.next(text, end), to);
    }
    return end;
  }

  /** End of a run of at most {@code most} numbers. */
  static int endOfNumbers(byte[] text, int at, int to, int most) {
    int end = at;
    for (int i = 0; i < most && end < to && CLASSES.at(text, end) == NUMBER; i++) {
      end = Utf8Text.next(text, end);
    }
    return end;
  }

  /** End of {@code [\r\n]*}. */
  static int endOfNewlines(byte[] text, int at, int to) {
    int end = at;
    while (end < to && (text[end] == '\n' || text[end] == '\r')) {
      end++;
    }
    return end;
  }

  /** {@code \s+(?!\S)|\s+}: all but the last character of a run, if something follows. */
  static int endOfSpace(byte[] text, int from, int to) {
    int end = from;
    int last = from;
    while (end < to && isSpace(text, end)) {
      last = end;
      end = Utf8Text.next(text, end);
    }
    return end == to || last == from ? end : last;
  }

  /** {@code \s*[\r\n]+|\s+(?!\S)|\s+}: up to the last newline of a run, if it has one. */
  static int endOfSpaceOrNewlines(byte[] text, int from, int to) {
    int end = from;
    int last = from;
    int afterNewline = from;
    while (end < to && isSpace(text, end)) {
      last = end;
      end = Utf8Text.next(text, end);
      if (text[last] == '\n' || text[last] == '\r') {
        afterNewline = end;
      }
    }
    if (afterNewline > from) {
      return afterNewline;
    }
    return end == to || last == from ? end : last;
  }

  private static boolean isSpace(byte[] text, int at) {
    return CLASSES.at(text, at) >= NEWLINE;
  }

  private static int classOf(int codePoint) {
    if (GeneralCategory.isWhiteSpace(codePoint)) {
      return codePoint == '\n' || codePoint == '\r' ? NEWLINE : SPACE;
    }
    return switch (GeneralCategory.of(codePoint).charAt(0)) {
      case 'L' -> LETTER;
      case 'N' -> NUMBER;
      default -> OTHER;
    };
  }
}
