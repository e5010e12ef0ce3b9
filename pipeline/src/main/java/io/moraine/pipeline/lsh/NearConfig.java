package io.moraine.pipeline.lsh;

/**
 * How near duplicates are found and which of them survive.
 *
 * @param shingleWords words per shingle, n; in [1, 64]
 * @param threshold exact Jaccard similarity from which two documents are duplicates; in (0, 1]
 * @param banding bands and rows per band of the signatures
 * @param seed of the MinHash functions
 * @param bucketCap buckets with more documents are not compared pair by pair; changes the cost, and
 *     which of several kept duplicates is named, never which documents are kept; {@code >= 2}
 * @param policy who survives
 */
public record NearConfig(
    int shingleWords,
    double threshold,
    Banding banding,
    long seed,
    int bucketCap,
    SurvivorPolicy policy) {

  /** Who survives among duplicates. */
  public enum SurvivorPolicy {
    /** Every removed document has a kept duplicate. */
    VERIFIED,
    /** One document per connected component. */
    CLOSURE
  }

  public NearConfig {
    if (shingleWords < 1 || shingleWords > 64) {
      throw new IllegalArgumentException(
          "shingle-words must be in [1, 64], got %d".formatted(shingleWords));
    }
    if (!(threshold > 0 && threshold <= 1)) {
      throw new IllegalArgumentException(
          "threshold must be in (0, 1], got %s".formatted(threshold));
    }
    if (bucketCap < 2) {
      throw new IllegalArgumentException(
          "bucket-cap must be at least 2, got %d".formatted(bucketCap));
    }
  }
}
