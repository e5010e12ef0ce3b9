package io.moraine.pipeline.decontamination;

import io.moraine.pipeline.decontamination.DecontaminationConfig.Action;
import io.moraine.pipeline.text.CharRange;
import io.moraine.pipeline.text.WordSpans;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Optional;

/** Decides what becomes of a text that shares words with evaluation items. */
public final class Decontaminator {

  private final EvaluationIndex index;
  private final BitSet ignored;
  private final DecontaminationConfig config;

  /**
   * For many texts.
   *
   * @param ignored n-grams of the index that do not count
   */
  public Decontaminator(EvaluationIndex index, BitSet ignored, DecontaminationConfig config) {
    this.index = index;
    this.ignored = ignored;
    this.config = config;
  }

  /**
   * Words cut from a text. Words and code points are counted in the text as the pass found it.
   *
   * @param item an item that the text shares most with, and why
   */
  public record Cut(
      int pass, int startWord, int words, int startCharacter, int characters, String item) {}

  /**
   * What becomes of a contaminated text.
   *
   * @param overlap of the text as it was
   * @param text what is left; empty if it is removed
   * @param reason why it is removed; empty if it is not
   * @param detail of the reason, for people
   * @param cuts that were made; none if it is removed
   */
  public record Finding(
      Overlap overlap, String text, String reason, String detail, List<Cut> cuts) {}

  /** What becomes of a text; empty if it shares nothing. */
  public Optional<Finding> check(String text) {
    Overlap overlap = Overlap.of(index, WordSpans.of(text), ignored);
    if (overlap.isEmpty()) {
      return Optional.empty();
    }
    String item = overlap.items().get(0).detail();
    return Optional.of(
        config.action() == Action.DROP
            ? removed(overlap, "contaminated", item)
            : cut(text, overlap, item));
  }

  /**
   * Pieces that are put together may have a new n-gram between them: passes until there is none.
   */
  private Finding cut(String text, Overlap overlap, String item) {
    String left = text;
    List<Cut> cuts = new ArrayList<>();
    int pass = 0;
    for (Overlap now = overlap; !now.isEmpty(); ) {
      pass++;
      WordSpans words = WordSpans.of(left);
      List<CharRange> pieces = config.cut().pieces(left, words, now.words());
      if (pieces.size() > config.cut().maxPieces()) {
        String detail =
            "%d pieces > %d; %s".formatted(pieces.size(), config.cut().maxPieces(), item);
        return removed(overlap, "too-many-pieces", detail);
      }
      String before = left;
      List<CharRange> kept =
          pieces.stream().filter(piece -> config.cut().keeps(before, piece)).toList();
      addCuts(cuts, pass, left, words, kept, now.items().get(0).detail());
      left = joined(left, kept);
      WordSpans rest = WordSpans.of(left);
      if (rest.count() == 0) {
        return removed(overlap, "nothing-left", item);
      }
      now = Overlap.of(index, rest, ignored);
    }
    return new Finding(overlap, left, "", "", cuts);
  }

  private static Finding removed(Overlap overlap, String reason, String detail) {
    return new Finding(overlap, "", reason, detail, List.of());
  }

  private static String joined(String text, List<CharRange> pieces) {
    return String.join(
        "\n\n",
        pieces.stream().map(piece -> text.substring(piece.from(), piece.to()).strip()).toList());
  }

  /** Adds what stands between the pieces that are kept, where it has words. */
  private static void addCuts(
      List<Cut> cuts, int pass, String text, WordSpans words, List<CharRange> kept, String item) {
    int from = 0;
    for (int i = 0; i <= kept.size(); i++) {
      int to = i == kept.size() ? text.length() : kept.get(i).from();
      int firstWord = words.firstEndingBehind(from);
      int behindWord = words.countStartingBefore(to);
      if (firstWord < behindWord) {
        int characters = text.codePointCount(from, to);
        int start = text.codePointCount(0, from);
        cuts.add(new Cut(pass, firstWord, behindWord - firstWord, start, characters, item));
      }
      from = i == kept.size() ? to : kept.get(i).to();
    }
  }
}
