package io.moraine.pipeline.lsh;

import java.util.Arrays;
import java.util.Comparator;

/**
 * The shingles by which documents that are similar enough must meet: with all shingles in one
 * order, here rare ones first, two sets of Jaccard similarity {@code >= t} share one among the
 * first {@code |x| - ceil(t |x|) + 1} of each.
 *
 * @source Bayardo, Ma, Srikant, Scaling Up All Pairs Similarity Search, WWW 2007; Xiao et al.,
 *     Efficient Similarity Joins for Near Duplicate Detection, WWW 2008
 */
public final class Prefix {

  private Prefix() {}

  /**
   * A shingle that more than one document has.
   *
   * @param documents how many do
   */
  public record SharedShingle(long shingle, long documents) {}

  /** Takes a shingle of a prefix, with the number of shingles from it on. */
  public interface Sink {
    void accept(long shingle, int open);
  }

  /**
   * Hands out the prefix, without the shingles that no other document has.
   *
   * @param shared the document's shared shingles, in any order; sorted by this call
   * @param shingles size of its set
   */
  public static void of(SharedShingle[] shared, int shingles, double threshold, Sink sink) {
    Arrays.sort(
        shared,
        Comparator.comparingLong(SharedShingle::documents)
            .thenComparingLong(SharedShingle::shingle));
    int open = shared.length;
    for (SharedShingle one : shared) {
      if ((double) open / shingles < threshold) {
        return;
      }
      sink.accept(one.shingle(), open);
      open--;
    }
  }
}
