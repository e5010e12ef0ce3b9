package io.moraine.pipeline.lsh;

import java.util.ArrayList;
import java.util.List;

/** The documents that share a band key, and the candidate pairs among them. */
public final class Bucket {

  private final List<BucketMember> members;

  public Bucket(List<BucketMember> members) {
    this.members = new ArrayList<>(members);
    this.members.sort(BucketMember.PRIORITY);
  }

  /** Takes a candidate pair. */
  public interface PairSink {
    void accept(BucketMember better, BucketMember worse);
  }

  /**
   * All pairs of a bucket up to the cap; in a larger one every document with the first {@code cap}
   * in priority order, so that a bucket costs at most {@code cap * size} pairs. Pairs whose set
   * sizes exclude the threshold are left out.
   */
  public void candidatePairs(int cap, double threshold, PairSink sink) {
    for (int worse = 1; worse < members.size(); worse++) {
      for (int better = 0; better < Math.min(worse, cap); better++) {
        if (members.get(better).canReach(threshold, members.get(worse))) {
          sink.accept(members.get(better), members.get(worse));
        }
      }
    }
  }
}
