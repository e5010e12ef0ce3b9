package io.moraine.pipeline.tokenizer;

/**
 * DeepSeek-V3's three patterns, {@link PreTokenizer#DEEPSEEK_V3}, in one pass.
 *
 * <p>The first two isolate numbers and runs of Han, Hiragana and Katakana; the third works on what
 * is between, so that for it such a character is the end of the text. What no pattern matches
 * (control characters, joiners, unassigned code points) is a piece up to the next match.
 */
final class DeepSeekV3Scanner implements PieceScanner {

  private static final int GAP = 0;
  private static final int LETTER = 1;
  private static final int MARK = 2;
  private static final int SYMBOL = 3;
  private static final int NEWLINE = 4;
  private static final int SPACE = 5;
  private static final int NUMBER = 6;
  private static final int HAN_OR_KANA = 7;

  private static final CodePointClasses CLASSES = new CodePointClasses(DeepSeekV3Scanner::classOf);

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    int kind = CLASSES.at(text, from);
    int next = Utf8.next(text, from);
    if (isWord(kind)) {
      return endOfWord(text, next, to);
    }
    if (kind == SYMBOL) {
      int word = Ascii.endOfLetters(text, next, to);
      return text[from] > 0 && word > next ? word : endOfSymbols(text, next, to);
    }
    if (kind == NUMBER) {
      return Runs.endOfNumbers(text, next, to, 2);
    }
    if (kind == HAN_OR_KANA) {
      return endOf(text, next, to, HAN_OR_KANA, HAN_OR_KANA);
    }
    int following = next < to ? CLASSES.at(text, next) : GAP;
    if (kind != NEWLINE && isWord(following)) {
      return endOfWord(text, next, to);
    }
    if (following == SYMBOL && text[from] == ' ') {
      return endOfSymbols(text, next, to);
    }
    return kind == GAP ? endOfGap(text, next, to) : endOfSpace(text, from, to);
  }

  private static int endOf(byte[] text, int at, int to, int kind, int otherKind) {
    int end = at;
    while (end < to) {
      int c = CLASSES.at(text, end);
      if (c != kind && c != otherKind) {
        break;
      }
      end = Utf8.next(text, end);
    }
    return end;
  }

  private static int endOfSymbols(byte[] text, int at, int to) {
    return Runs.endOfNewlines(text, endOf(text, at, to, SYMBOL, SYMBOL), to);
  }

  private static int endOfWord(byte[] text, int at, int to) {
    int end = Ascii.endOfLetters(text, at, to);
    while (end < to && text[end] < 0 && isWord(CLASSES.at(text, end))) {
      end = Ascii.endOfLetters(text, Utf8.next(text, end), to);
    }
    return end;
  }

  private static boolean isWord(int kind) {
    return kind == LETTER || kind == MARK;
  }

  /** A gap ends where a match begins: at any other class, or as the first character of a word. */
  private static int endOfGap(byte[] text, int at, int to) {
    int end = at;
    while (end < to && CLASSES.at(text, end) == GAP) {
      int next = Utf8.next(text, end);
      int following = next < to ? CLASSES.at(text, next) : GAP;
      if (isWord(following)) {
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
    if (codePoint >= 0x4e00 && codePoint <= 0x9fa5 || codePoint >= 0x3040 && codePoint <= 0x30ff) {
      return HAN_OR_KANA;
    }
    if (GeneralCategory.isWhiteSpace(codePoint)) {
      return codePoint == '\n' || codePoint == '\r' ? NEWLINE : SPACE;
    }
    return switch (GeneralCategory.of(codePoint).charAt(0)) {
      case 'L' -> LETTER;
      case 'M' -> MARK;
      case 'N' -> NUMBER;
      case 'P', 'S' -> SYMBOL;
      default -> GAP;
    };
  }
}
