package io.moraine.pipeline.substring;

import io.moraine.pipeline.text.WordRange;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;

/**
 * Words cut from a document, all of which stand elsewhere in the same order.
 *
 * @param range the words cut
 * @param firstId the document that keeps them, or kept them when this was cut
 * @param firstStart where they begin there
 */
public record CutSpan(WordRange range, String firstId, int firstStart) {

  /**
   * What runs of copies take from their document: the fewest spans that cover the runs' regions,
   * sorted, without overlap.
   *
   * @param n words per window
   */
  public static List<CutSpan> of(List<CopyRun> runs, int n) {
    List<CopyRun> sorted = new ArrayList<>(runs);
    sorted.sort(
        Comparator.comparingInt((CopyRun run) -> run.region(n).from())
            .thenComparingInt(run -> -run.region(n).to())
            .thenComparing(CopyRun::firstId)
            .thenComparingInt(CopyRun::firstStart));
    List<CutSpan> spans = new ArrayList<>();
    int covered = 0;
    int next = 0;
    while (next < sorted.size()) {
      covered = Math.max(covered, sorted.get(next).region(n).from());
      CopyRun farthest = sorted.get(next);
      while (next < sorted.size() && sorted.get(next).region(n).from() <= covered) {
        CopyRun run = sorted.get(next++);
        farthest = run.region(n).to() > farthest.region(n).to() ? run : farthest;
      }
      int to = farthest.region(n).to();
      if (to > covered) {
        spans.add(
            new CutSpan(
                new WordRange(covered, to),
                farthest.firstId(),
                farthest.firstStart() + covered - farthest.start()));
        covered = to;
      }
    }
    return spans;
  }
}
