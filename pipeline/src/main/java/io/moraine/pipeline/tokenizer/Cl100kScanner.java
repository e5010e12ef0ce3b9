package io.moraine.pipeline.tokenizer;

/** GPT-4's pattern, {@link PreTokenizer#CL100K}, with its number of digits to a piece. */
final class Cl100kScanner implements PieceScanner {

  private final int digits;

  Cl100kScanner(int digits) {
    this.digits = digits;
  }

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    int kind = Runs.CLASSES.at(text, from);
    int next = Utf8Text.next(text, from);
    if (kind == Runs.LETTER) {
      return Runs.endOfLetters(text, next, to);
    }
    if (kind == Runs.NUMBER) {
      return Runs.endOfNumbers(text, next, to, digits - 1);
    }
    if (text[from] == '\'') {
      int end = Contractions.end(text, from, to);
      if (end > from) {
        return end;
      }
    }
    if (next < to && kind != Runs.NEWLINE) {
      int following = Runs.CLASSES.at(text, next);
      if (following == Runs.LETTER) {
        return Runs.endOfLetters(text, next, to);
      }
      if (following == Runs.OTHER && text[from] == ' ') {
        return Runs.endOfNewlines(text, Runs.end(text, next, to, Runs.OTHER), to);
      }
    }
    return kind == Runs.OTHER
        ? Runs.endOfNewlines(text, Runs.end(text, next, to, Runs.OTHER), to)
        : Runs.endOfSpaceOrNewlines(text, from, to);
  }
}
