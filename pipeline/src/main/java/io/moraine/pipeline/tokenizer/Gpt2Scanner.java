package io.moraine.pipeline.tokenizer;

/** GPT-2's pattern, {@link PreTokenizer#GPT2}. */
final class Gpt2Scanner implements PieceScanner {

  @Override
  public int end(byte[] text, int begin, int from, int to) {
    if (text[from] == '\'') {
      int end = Contractions.endCaseSensitive(text, from, to);
      if (end > from) {
        return end;
      }
    }
    int first = text[from] == ' ' && from + 1 < to ? from + 1 : from;
    int kind = Runs.CLASSES.at(text, first);
    if (kind == Runs.LETTER) {
      return Runs.endOfLetters(text, first, to);
    }
    if (kind == Runs.NUMBER || kind == Runs.OTHER) {
      return Runs.end(text, first, to, kind);
    }
    return Runs.endOfSpace(text, from, to);
  }
}
