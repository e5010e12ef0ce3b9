package io.moraine.pipeline.lsh;

import io.moraine.pipeline.hash.Mix64;

/**
 * Cuts a signature into bands; two documents that agree in a whole band share a bucket.
 *
 * @param bands number of bands, b; in [1, 1024]
 * @param rowsPerBand components per band, r; in [1, 64]
 * @source Leskovec, Rajaraman, Ullman, Mining of Massive Datasets, section 3.4
 */
public record Banding(int bands, int rowsPerBand) {

  public Banding {
    if (bands < 1 || bands > 1024) {
      throw new IllegalArgumentException("bands must be in [1, 1024], got %d".formatted(bands));
    }
    if (rowsPerBand < 1 || rowsPerBand > 64) {
      throw new IllegalArgumentException(
          "rows-per-band must be in [1, 64], got %d".formatted(rowsPerBand));
    }
  }

  /** Components that a signature must have, {@code b * r}. */
  public int components() {
    return bands * rowsPerBand;
  }

  /** Probability that a pair of Jaccard similarity s shares a bucket: {@code 1 - (1 - s^r)^b}. */
  public double collisionProbability(double similarity) {
    return 1 - Math.pow(1 - Math.pow(similarity, rowsPerBand), bands);
  }

  /** The similarity around which the collision probability rises: {@code (1/b)^(1/r)}. */
  public double similarityThreshold() {
    return Math.pow(1.0 / bands, 1.0 / rowsPerBand);
  }

  /** The 64-bit key of one band of a signature. */
  public long key(long[] signature, int band) {
    if (signature.length != components()) {
      throw new IllegalArgumentException(
          "signature must have %d components, got %d".formatted(components(), signature.length));
    }
    long key = Mix64.murmurFinal(band + 1L);
    for (int row = band * rowsPerBand; row < (band + 1) * rowsPerBand; row++) {
      key = Mix64.combine(key, signature[row]);
    }
    return key;
  }
}
