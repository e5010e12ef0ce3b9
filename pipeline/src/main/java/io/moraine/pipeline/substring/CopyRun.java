package io.moraine.pipeline.substring;

import io.moraine.pipeline.text.WordRange;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;

/**
 * Consecutive windows of n words in one document that are copies of consecutive first windows.
 *
 * @param start first word of the first of these windows
 * @param windows how many there are; they cover {@code windows + n - 1} words
 * @param firstId the document of the first windows
 * @param firstStart first word there
 * @param sameDocument whether the copies stand in the document of the first windows, behind them
 */
public record CopyRun(int start, int windows, String firstId, int firstStart, boolean sameDocument)
    implements Serializable {

  /** The words to cut so that the copies are gone; never words of a first window of this run. */
  public WordRange region(int n) {
    int from = sameDocument ? Math.max(start, firstStart + n) : start;
    return new WordRange(from, start + windows - 1 + n);
  }

  /**
   * The parts of this run whose first windows stay whole.
   *
   * @param regions what may be cut from the first windows' document: sorted, not touching
   */
  public List<CopyRun> whoseFirstsAvoid(List<WordRange> regions, int n) {
    List<CopyRun> parts = new ArrayList<>();
    int from = firstStart;
    int end = firstStart + windows;
    for (WordRange region : regions) {
      addPart(parts, from, Math.min(end, region.from() - n + 1));
      from = Math.max(from, region.to());
    }
    addPart(parts, from, end);
    return parts;
  }

  private void addPart(List<CopyRun> parts, int firstFrom, int firstTo) {
    if (firstFrom < firstTo) {
      int shift = start - firstStart;
      parts.add(
          new CopyRun(firstFrom + shift, firstTo - firstFrom, firstId, firstFrom, sameDocument));
    }
  }
}
