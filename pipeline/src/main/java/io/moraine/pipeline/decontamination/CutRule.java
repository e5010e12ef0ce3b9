package io.moraine.pipeline.decontamination;

import io.moraine.pipeline.text.CharRange;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * How contaminated words are cut from a text: with what surrounds them, in whole words.
 *
 * @param surroundingCharacters chars cut on both sides as well; {@code >= 0}
 * @param maxPieces a text that falls into more pieces is removed; {@code >= 1}
 * @param minPieceCharacters shorter pieces are cut too; {@code >= 0}
 * @source Brown et al., Language models are few-shot learners, 2020, arXiv:2005.14165, appendix C:
 *     200 chars, 10 pieces, 200 chars
 */
public record CutRule(int surroundingCharacters, int maxPieces, int minPieceCharacters)
    implements Serializable {

  public CutRule {
    if (surroundingCharacters < 0) {
      throw new IllegalArgumentException(
          "surrounding-characters must be at least 0, got %d".formatted(surroundingCharacters));
    }
    if (maxPieces < 1) {
      throw new IllegalArgumentException(
          "max-pieces must be at least 1, got %d".formatted(maxPieces));
    }
    if (minPieceCharacters < 0) {
      throw new IllegalArgumentException(
          "min-piece-characters must be at least 0, got %d".formatted(minPieceCharacters));
    }
  }

  /**
   * The pieces between what is cut around some words, in order, the short ones too; none is blank.
   * Punctuation that touches the words goes with them, the {@code surroundingCharacters} are
   * counted from there, and no word is cut in two.
   *
   * @param contaminated sorted, not touching
   */
  public List<CharRange> pieces(String text, WordSpans words, List<WordRange> contaminated) {
    List<CharRange> pieces = new ArrayList<>();
    int from = 0;
    for (WordRange range : contaminated) {
      addPiece(pieces, text, from, start(text, words, range));
      from = Math.max(from, end(text, words, range));
    }
    addPiece(pieces, text, from, text.length());
    return pieces;
  }

  /** Whether a piece is long enough to stay. */
  public boolean keeps(String text, CharRange piece) {
    return text.codePointCount(piece.from(), piece.to()) >= minPieceCharacters;
  }

  private static void addPiece(List<CharRange> pieces, String text, int from, int to) {
    if (from < to && !text.substring(from, to).isBlank()) {
      pieces.add(new CharRange(from, to));
    }
  }

  /** Where the cut around some words begins. */
  private int start(String text, WordSpans words, WordRange range) {
    int behindWord = range.from() == 0 ? 0 : words.end(word(range.from() - 1));
    int at = words.start(range);
    while (at > behindWord && !Character.isWhitespace(text.charAt(at - 1))) {
      at--;
    }
    int more = Math.min(surroundingCharacters, text.codePointCount(0, at));
    int start = text.offsetByCodePoints(at, -more);
    int word = words.firstEndingBehind(start);
    return word < words.count() ? Math.min(start, words.start(word(word))) : start;
  }

  /** Where the cut around some words ends. */
  private int end(String text, WordSpans words, WordRange range) {
    int nextWord = range.to() == words.count() ? text.length() : words.start(word(range.to()));
    int at = words.end(range);
    while (at < nextWord && !Character.isWhitespace(text.charAt(at))) {
      at++;
    }
    int more = Math.min(surroundingCharacters, text.codePointCount(at, text.length()));
    int end = text.offsetByCodePoints(at, more);
    int word = words.countStartingBefore(end);
    return word > 0 ? Math.max(end, words.end(word(word - 1))) : end;
  }

  private static WordRange word(int index) {
    return new WordRange(index, index + 1);
  }
}
