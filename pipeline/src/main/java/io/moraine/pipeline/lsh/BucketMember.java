package io.moraine.pipeline.lsh;

import io.moraine.pipeline.component.RankedDocument;

/**
 * A document among those that share something: a band key, or one shingle.
 *
 * @param document with its priority
 * @param shingles size of its shingle set
 * @param open how many of its shingles it can share with other members: all of them where a band
 *     key is shared, those from the shared shingle on where a shingle of its prefix is
 * @param label members of the same label need no comparison; null: compared with all
 */
public record BucketMember(RankedDocument document, int shingles, int open, String label) {

  /**
   * Whether sizes and places allow a Jaccard similarity of {@code threshold} at all: at most {@code
   * min(open)} shingles are shared. Computed as the similarity itself is, so no pair is lost to
   * rounding.
   */
  public boolean canReach(double threshold, BucketMember other) {
    int shared = Math.min(open, other.open);
    return (double) shared / (shingles + other.shingles - shared) >= threshold;
  }

  /**
   * Whether the member could reach the threshold with one of its like; of two members that reach it
   * with each other, the one with fewer shingles can.
   */
  public boolean isHigh(double threshold) {
    return canReach(threshold, this);
  }

  boolean needsComparison(BucketMember other) {
    return label == null || !label.equals(other.label);
  }
}
