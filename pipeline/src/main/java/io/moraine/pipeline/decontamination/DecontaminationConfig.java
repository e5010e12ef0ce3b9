package io.moraine.pipeline.decontamination;

import java.io.Serializable;
import java.util.List;

/**
 * What counts as contamination, and what becomes of it.
 *
 * @param sets Hadoop paths of files of JSON lines, or of folders of them
 * @param fields the fields of an item that are its texts; empty: every text in it
 * @param n words that a document must share with an item in one run; in [1, 100]
 * @param minItemWords texts of fewer than n words are looked for as a whole down to so many words,
 *     and shorter ones not at all; in [1, n]
 * @param maxDocuments runs of words that stand in more documents of the corpus are common phrases
 *     and ignored; 0: none is
 * @param action what becomes of a contaminated document
 * @param cut how it is cut, if it is
 */
public record DecontaminationConfig(
    List<String> sets,
    List<String> fields,
    int n,
    int minItemWords,
    int maxDocuments,
    Action action,
    CutRule cut)
    implements Serializable {

  /** What becomes of a contaminated document. */
  public enum Action {
    DROP,
    CUT
  }

  public DecontaminationConfig {
    sets = List.copyOf(sets);
    fields = List.copyOf(fields);
    if (n < 1 || n > 100) {
      throw new IllegalArgumentException("n must be in [1, 100], got %d".formatted(n));
    }
    if (minItemWords < 1 || minItemWords > n) {
      throw new IllegalArgumentException(
          "min-item-words must be in [1, n], got %d and n = %d".formatted(minItemWords, n));
    }
    if (maxDocuments < 0) {
      throw new IllegalArgumentException(
          "max-documents must be at least 0, got %d".formatted(maxDocuments));
    }
  }
}
