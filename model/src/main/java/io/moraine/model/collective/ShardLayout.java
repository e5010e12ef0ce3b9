package io.moraine.model.collective;

/**
 * Which contiguous range of a flat array, or of a part of it, each rank owns. Borders are multiples
 * of the alignment, so that no quantisation block is cut; all shards have the same length but the
 * last ones, which may be shorter or empty.
 *
 * @param start first element; a multiple of the alignment
 * @param length elements that are dealt out
 * @param worldSize number of ranks, P
 * @param alignment of borders, elements
 */
public record ShardLayout(long start, long length, int worldSize, int alignment) {

  public ShardLayout {
    if (length < 0 || worldSize < 1 || alignment < 1) {
      throw new IllegalArgumentException(
          "length >= 0, world size >= 1 and alignment >= 1 are needed, got %d, %d and %d"
              .formatted(length, worldSize, alignment));
    }
    if (start < 0 || start % alignment != 0) {
      throw new IllegalArgumentException(
          "start must be a multiple of %d, got %d".formatted(alignment, start));
    }
  }

  /** Of a whole array. */
  public ShardLayout(long length, int worldSize, int alignment) {
    this(0, length, worldSize, alignment);
  }

  /** First element of a rank's shard. */
  public long from(int rank) {
    return start + Math.min(length, rank * shardLength());
  }

  /** End of a rank's shard, exclusive. */
  public long to(int rank) {
    return start + Math.min(length, (rank + 1) * shardLength());
  }

  /** Elements of a rank's shard. */
  public int size(int rank) {
    return Math.toIntExact(to(rank) - from(rank));
  }

  /** Chunks of the longest shard. */
  int chunks(int chunk) {
    return size(0) / chunk + (size(0) % chunk > 0 ? 1 : 0);
  }

  /** Elements of one chunk of a rank's shard; 0 behind its end. */
  int length(int rank, int number, int chunk) {
    return (int) Math.max(0, Math.min(chunk, size(rank) - (long) number * chunk));
  }

  private long shardLength() {
    long blocks = (length + alignment - 1) / alignment;
    return (blocks + worldSize - 1) / worldSize * alignment;
  }
}
