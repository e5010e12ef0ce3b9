package io.moraine.pipeline.minhash;

import io.moraine.pipeline.hash.Mix64;
import java.util.Arrays;

/**
 * MinHash signatures by one permutation: each shingle falls into one of the components' bins and
 * competes there alone; components whose bin stays empty borrow from a full one chosen by hashing.
 *
 * <p>One hash per shingle instead of one per shingle and component, and the probability that two
 * signatures agree in a component is still the Jaccard similarity of the sets.
 *
 * @source Li, Owen, Zhang, One Permutation Hashing, 2012, arXiv:1208.1259; Shrivastava, Optimal
 *     Densification for Fast and Accurate Minwise Hashing, 2017, arXiv:1703.04664, Algorithm 1
 */
public final class MinHasher {

  private static final long EMPTY = Long.MAX_VALUE;

  private final int components;
  private final long seed;

  /**
   * Fixes the hash functions.
   *
   * @param components number of minima of a signature, {@code >= 1}
   * @param seed chooses the hash functions
   */
  public MinHasher(int components, long seed) {
    if (components < 1) {
      throw new IllegalArgumentException(
          "components must be at least 1, got %d".formatted(components));
    }
    this.components = components;
    this.seed = Mix64.murmurFinal(seed + 1);
  }

  /**
   * The signature of a set.
   *
   * @param shingles at least one; in any order, repetitions allowed
   * @return one minimum per component
   * @cost O(shingles + components) expected time
   */
  public long[] signature(long[] shingles) {
    if (shingles.length == 0) {
      throw new IllegalArgumentException("an empty set has no signature");
    }
    long[] minima = new long[components];
    Arrays.fill(minima, EMPTY);
    for (long shingle : shingles) {
      long hash = Mix64.murmurFinal(shingle ^ seed);
      int bin = Mix64.reduce(hash, components);
      long value = Mix64.murmurFinal(hash + seed) & Long.MAX_VALUE - 1;
      minima[bin] = Math.min(minima[bin], value);
    }
    return densify(minima);
  }

  /** Fraction of components in which two signatures agree: estimates the Jaccard similarity. */
  public static double estimateSimilarity(long[] a, long[] b) {
    if (a.length != b.length) {
      throw new IllegalArgumentException(
          "signatures must have equally many components, got %d and %d"
              .formatted(a.length, b.length));
    }
    int equal = 0;
    for (int i = 0; i < a.length; i++) {
      equal += a[i] == b[i] ? 1 : 0;
    }
    return (double) equal / a.length;
  }

  private long[] densify(long[] minima) {
    long[] dense = minima.clone();
    for (int component = 0; component < components; component++) {
      long attempt = 0;
      while (dense[component] == EMPTY) {
        attempt++;
        long hash = Mix64.combine(Mix64.combine(seed, component), attempt);
        dense[component] = minima[Mix64.reduce(hash, components)];
      }
    }
    return dense;
  }
}
