package io.moraine.pipeline.tokenizer;

/** GPT-4o's pattern, {@link PreTokenizer#O200K}. */
final class O200kScanner implements PieceScanner {

  private static final int OTHER = 0;
  private static final int UPPER = 1;
  private static final int LOWER = 2;

  /** Letters without case, and marks: what both kinds of letters may stand among. */
  private static final int UNCASED = 3;

  private static final int MARK = 4;
  private static final int NUMBER = 5;
  private static final int NEWLINE = 6;
  private static final int SPACE = 7;

  private static final CodePointClasses CLASSES = new CodePointClasses(O200kScanner::classOf);

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    int kind = CLASSES.at(text, from);
    int next = Utf8Text.next(text, from);
    if (kind == NUMBER) {
      return Runs.endOfNumbers(text, next, to, 2);
    }
    if (isWord(kind) && kind != MARK) {
      return endOfWord(text, from, to);
    }
    if (kind != NEWLINE && next < to && isWord(CLASSES.at(text, next))) {
      int end = endOfLowerWord(text, next, to);
      if (end > next) {
        return withContraction(text, end, to);
      }
    }
    if (kind == MARK) {
      return endOfWord(text, from, to);
    }
    if (kind != NEWLINE && next < to && isWord(CLASSES.at(text, next))) {
      return endOfWord(text, next, to);
    }
    if (kind == OTHER || text[from] == ' ' && next < to && CLASSES.at(text, next) == OTHER) {
      return endOfNewlinesAndSlashes(text, Runs.end(text, next, to, Runs.OTHER), to);
    }
    return Runs.endOfSpaceOrNewlines(text, from, to);
  }

  private static int endOfWord(byte[] text, int at, int to) {
    int end = endOfLowerWord(text, at, to);
    return withContraction(text, end > at ? end : endOfUpper(text, at, to), to);
  }

  /**
   * End of {@code [upper or uncased]*[lower or uncased]+}, {@code at} if it does not match: greedy,
   * so that it gives back capital letters at its end until a lower or uncased one is reached.
   */
  private static int endOfLowerWord(byte[] text, int at, int to) {
    int end = at;
    int afterUncased = at;
    while (end < to) {
      int kind = CLASSES.at(text, end);
      if (kind == LOWER) {
        return endOfLower(text, end, to);
      }
      if (!isWord(kind)) {
        break;
      }
      end = Utf8Text.next(text, end);
      if (kind != UPPER) {
        afterUncased = end;
      }
    }
    return afterUncased;
  }

  private static int endOfLower(byte[] text, int at, int to) {
    int end = Ascii.endOfLower(text, at, to);
    while (end < to && text[end] < 0 && isLower(CLASSES.at(text, end))) {
      end = Ascii.endOfLower(text, Utf8Text.next(text, end), to);
    }
    return end;
  }

  /** End of a run of capital letters; none of them is followed by a lower or uncased letter. */
  private static int endOfUpper(byte[] text, int at, int to) {
    int end = at;
    while (end < to && CLASSES.at(text, end) == UPPER) {
      end = Utf8Text.next(text, end);
    }
    return end;
  }

  private static int withContraction(byte[] text, int at, int to) {
    return at < to && text[at] == '\'' ? Contractions.end(text, at, to) : at;
  }

  private static int endOfNewlinesAndSlashes(byte[] text, int at, int to) {
    int end = at;
    while (end < to && (text[end] == '\n' || text[end] == '\r' || text[end] == '/')) {
      end++;
    }
    return end;
  }

  private static boolean isWord(int kind) {
    return kind >= UPPER && kind <= MARK;
  }

  private static boolean isLower(int kind) {
    return isWord(kind) && kind != UPPER;
  }

  private static int classOf(int codePoint) {
    if (GeneralCategory.isWhiteSpace(codePoint)) {
      return codePoint == '\n' || codePoint == '\r' ? NEWLINE : SPACE;
    }
    return switch (GeneralCategory.of(codePoint)) {
      case "Lu", "Lt" -> UPPER;
      case "Ll" -> LOWER;
      case "Lm", "Lo" -> UNCASED;
      case "Mn", "Mc", "Me" -> MARK;
      case "Nd", "Nl", "No" -> NUMBER;
      default -> OTHER;
    };
  }
}
