package io.moraine.model.collective;

import java.util.ArrayList;
import java.util.List;

/**
 * A flat array cut into buckets, each of which is dealt out to all ranks: so every rank owns a part
 * of whatever is finished first. What a rank owns of all buckets it keeps one behind the other.
 *
 * @param list in the order of their elements; at least one, all as long as the first but the last
 */
public record Buckets(List<ShardLayout> list) {

  public Buckets {
    list = List.copyOf(list);
  }

  /**
   * Cuts an array.
   *
   * @param length of the array, elements
   * @param worldSize number of ranks, P
   * @param alignment of borders of buckets and shards, elements
   * @param most elements of a bucket; rounded up to the alignment
   */
  public static Buckets of(long length, int worldSize, int alignment, long most) {
    if (most < 1) {
      throw new IllegalArgumentException("a bucket must have elements, got %d".formatted(most));
    }
    long each = (most + alignment - 1) / alignment * alignment;
    List<ShardLayout> list = new ArrayList<>();
    for (long start = 0; start == 0 || start < length; start += each) {
      list.add(new ShardLayout(start, Math.min(each, length - start), worldSize, alignment));
    }
    return new Buckets(list);
  }

  /** Number of buckets. */
  public int count() {
    return list.size();
  }

  /** One of them. */
  public ShardLayout get(int bucket) {
    return list.get(bucket);
  }

  /** Elements of all. */
  public long length() {
    return list.stream().mapToLong(ShardLayout::length).sum();
  }

  /** Elements that a rank owns of all. */
  public int size(int rank) {
    int last = list.size() - 1;
    return Math.addExact(shardOffset(last, rank), list.get(last).size(rank));
  }

  /** Where what a rank owns of a bucket begins in the array of all that it owns. */
  public int shardOffset(int bucket, int rank) {
    return Math.multiplyExact(bucket, list.get(0).size(rank));
  }
}
