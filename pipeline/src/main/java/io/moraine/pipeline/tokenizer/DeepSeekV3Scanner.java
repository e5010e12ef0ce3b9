package io.moraine.pipeline.tokenizer;

/**
 * DeepSeek-V3's three patterns, {@link PreTokenizer#DEEPSEEK_V3}, in one pass.
 *
 * <p>The first two isolate numbers and runs of Han, Hiragana and Katakana. The third works on each
 * such run and on what is between, so that for it the end of either is the end of the text. What no
 * pattern matches (control characters, joiners, unassigned code points) is a piece up to the next
 * match.
 */
final class DeepSeekV3Scanner implements PieceScanner {

  private static final int GAP = 0;

  /** Letters and marks. */
  private static final int WORD = 1;

  private static final int SYMBOL = 2;
  private static final int NEWLINE = 3;
  private static final int SPACE = 4;
  private static final int NUMBER = 5;

  /** The same classes within the ranges of the second pattern. */
  private static final int HAN_GAP = 6;

  private static final int HAN_WORD = 7;
  private static final int HAN_SYMBOL = 8;

  private static final CodePointClasses CLASSES = new CodePointClasses(DeepSeekV3Scanner::classOf);

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    int kind = CLASSES.at(text, from);
    int next = Utf8Text.next(text, from);
    if (kind == WORD) {
      return endOfWord(text, next, to);
    }
    if (kind == SYMBOL) {
      int word = Ascii.endOfLetters(text, next, to);
      return text[from] > 0 && word > next ? word : endOfSymbols(text, next, to);
    }
    if (kind == NUMBER) {
      return Runs.endOfNumbers(text, next, to, 2);
    }
    if (kind >= HAN_GAP) {
      return kind == HAN_GAP
          ? endOfGap(text, next, to, HAN_GAP, HAN_WORD)
          : endOf(text, next, to, kind, kind);
    }
    int following = next < to ? CLASSES.at(text, next) : GAP;
    if (kind != NEWLINE && following == WORD) {
      return endOfWord(text, next, to);
    }
    if (following == SYMBOL && text[from] == ' ') {
      return endOfSymbols(text, next, to);
    }
    return kind == GAP ? endOfGap(text, next, to, GAP, WORD) : endOfSpace(text, from, to);
  }

  private static int endOfWord(byte[] text, int at, int to) {
    int end = Ascii.endOfLetters(text, at, to);
    while (end < to && text[end] < 0 && CLASSES.at(text, end) == WORD) {
      end = Ascii.endOfLetters(text, Utf8Text.next(text, end), to);
    }
    return end;
  }

  private static int endOfSymbols(byte[] text, int at, int to) {
    return Runs.endOfNewlines(text, endOf(text, at, to, SYMBOL, SYMBOL), to);
  }

  private static int endOf(byte[] text, int at, int to, int kind, int otherKind) {
    int end = at;
    while (end < to) {
      int c = CLASSES.at(text, end);
      if (c != kind && c != otherKind) {
        break;
      }
      end = Utf8Text.next(text, end);
    }
    return end;
  }

  /**
   * End of what begins with one character of a gap before {@code at}: of a word, if it is the
   * word's first character; else before the next match, at any other class or at such a character.
   */
  private static int endOfGap(byte[] text, int at, int to, int gap, int word) {
    if (at < to && CLASSES.at(text, at) == word) {
      return endOf(text, at, to, word, word);
    }
    int end = at;
    while (end < to && CLASSES.at(text, end) == gap) {
      int next = Utf8Text.next(text, end);
      if (next < to && CLASSES.at(text, next) == word) {
        break;
      }
      end = next;
    }
    return end;
  }

  private static int endOfSpace(byte[] text, int from, int to) {
    int end = endOf(text, from, to, SPACE, NEWLINE);
    boolean atEnd = end == to || CLASSES.at(text, end) >= NUMBER;
    return Runs.endOfSpaceOrNewlines(text, from, atEnd ? end : to);
  }

  private static int classOf(int codePoint) {
    char category = GeneralCategory.of(codePoint).charAt(0);
    if (codePoint >= 0x4e00 && codePoint <= 0x9fa5 || codePoint >= 0x3040 && codePoint <= 0x30ff) {
      return switch (category) {
        case 'L', 'M' -> HAN_WORD;
        case 'P', 'S' -> HAN_SYMBOL;
        default -> HAN_GAP;
      };
    }
    if (GeneralCategory.isWhiteSpace(codePoint)) {
      return codePoint == '\n' || codePoint == '\r' ? NEWLINE : SPACE;
    }
    return switch (category) {
      case 'L', 'M' -> WORD;
      case 'N' -> NUMBER;
      case 'P', 'S' -> SYMBOL;
      default -> GAP;
    };
  }
}
