package io.moraine.pipeline.lsh;

import java.util.ArrayList;
import java.util.List;

/**
 * The documents that share something, one after another in priority order, and the candidate pairs
 * among them.
 *
 * <p>Every member is compared with the first {@code front} members only, counted apart for high and
 * low ones ({@link BucketMember#isHigh}; two low ones never reach the threshold), so a bucket costs
 * at most {@code 2 * front * size} pairs. Members that are not compared with all others are told to
 * be behind.
 */
public final class Bucket {

  private final int front;
  private final double threshold;
  private final Sink sink;
  private final List<BucketMember> highFront = new ArrayList<>();
  private final List<BucketMember> lowFront = new ArrayList<>();
  private long high;
  private long low;

  /**
   * An empty bucket.
   *
   * @param front {@code >= 0}
   * @param threshold Jaccard similarity of duplicates
   */
  public Bucket(int front, double threshold, Sink sink) {
    this.front = front;
    this.threshold = threshold;
    this.sink = sink;
  }

  /** Takes what a bucket finds. */
  public interface Sink {

    /** Two members that may reach the threshold. */
    void pair(BucketMember better, BucketMember worse);

    /**
     * A member not compared with all others.
     *
     * @param exposed whether it was not compared with all better ones
     */
    void behind(BucketMember member, boolean exposed);
  }

  /** The next member in priority order. */
  public void add(BucketMember member) {
    boolean isHigh = member.isHigh(threshold);
    compare(highFront, member);
    if (isHigh) {
      compare(lowFront, member);
    }
    boolean exposed = high > front || (isHigh && low > front);
    long before = isHigh ? high++ : low++;
    if (before < front) {
      (isHigh ? highFront : lowFront).add(member);
    }
    if (before >= front || exposed) {
      sink.behind(member, exposed);
    }
  }

  private void compare(List<BucketMember> better, BucketMember member) {
    for (BucketMember one : better) {
      if (one.needsComparison(member) && one.canReach(threshold, member)) {
        sink.pair(one, member);
      }
    }
  }
}
