package io.moraine.pipeline.lsh;

import java.util.Arrays;

/**
 * The shingles by which documents that are similar enough must meet: with all shingles in one
 * order, here rare ones first, two sets of Jaccard similarity {@code >= t} share one among the
 * first {@code |x| - ceil(t |x|) + 1} of each. Shingles that no other document has are left out.
 *
 * @source Bayardo, Ma, Srikant, Scaling Up All Pairs Similarity Search, WWW 2007; Xiao et al.,
 *     Efficient Similarity Joins for Near Duplicate Detection, WWW 2008
 */
public final class Prefix {

  private final long[] shingles;
  private final long[] shared;
  private final int size;

  /**
   * The prefix of a set.
   *
   * @param shingles sorted
   * @param frequencies in which the set is counted
   * @param threshold Jaccard similarity
   */
  public Prefix(long[] shingles, ShingleFrequencies frequencies, double threshold) {
    this.shingles = shingles;
    this.shared = sharedByFrequency(shingles, frequencies);
    int reached = 0;
    while (reached < shared.length && (double) open(reached) / shingles.length >= threshold) {
      reached++;
    }
    this.size = reached;
  }

  /** How many shingles it has. */
  public int size() {
    return size;
  }

  /** Its shingles, the rarest first. */
  public long shingle(int i) {
    return shingles[(int) shared[i]];
  }

  /** How many shingles the set can share from that one on. */
  public int open(int i) {
    return shared.length - i;
  }

  /** The places of shingles that other documents may have, in the low 32 bits. */
  private static long[] sharedByFrequency(long[] shingles, ShingleFrequencies frequencies) {
    long[] places = new long[shingles.length];
    int shared = 0;
    for (int place = 0; place < shingles.length; place++) {
      int documents = frequencies.documents(shingles[place]);
      if (documents > 1) {
        places[shared++] = (long) documents << 32 | place;
      }
    }
    Arrays.sort(places, 0, shared);
    return Arrays.copyOf(places, shared);
  }
}
