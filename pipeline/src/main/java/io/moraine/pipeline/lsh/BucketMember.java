package io.moraine.pipeline.lsh;

import java.util.Comparator;

/**
 * A document in a bucket, with what decides priority and pruning.
 *
 * @param id the document
 * @param length of its text, code points
 * @param shingles size of its shingle set
 */
public record BucketMember(String id, int length, int shingles) {

  /** Which copy wins: the longest text, then the smallest id (compared as strings). */
  public static final Comparator<BucketMember> PRIORITY =
      Comparator.comparingInt(BucketMember::length).reversed().thenComparing(BucketMember::id);

  /** Whether the sizes of the sets allow a Jaccard similarity of {@code threshold} at all. */
  public boolean canReach(double threshold, BucketMember other) {
    int smaller = Math.min(shingles, other.shingles);
    int larger = Math.max(shingles, other.shingles);
    return smaller >= threshold * larger;
  }
}
