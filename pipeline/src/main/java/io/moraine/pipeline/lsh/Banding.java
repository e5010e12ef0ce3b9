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

  private static final int CELLS = 200;

  public Banding {
    if (bands < 1 || bands > 1024) {
      throw new IllegalArgumentException("bands must be in [1, 1024], got %d".formatted(bands));
    }
    if (rowsPerBand < 1 || rowsPerBand > 64) {
      throw new IllegalArgumentException(
          "rows-per-band must be in [1, 64], got %d".formatted(rowsPerBand));
    }
  }

  /**
   * The most selective banding, that with most rows, which finds pairs of the threshold with the
   * given probability in at most {@code maxBands} bands.
   *
   * @param threshold Jaccard similarity; in (0, 1)
   * @param recall probability to find a pair of this similarity; in (0, 1)
   * @throws IllegalArgumentException if not even one row per band reaches the recall
   */
  public static Banding forRecall(double threshold, double recall, int maxBands) {
    requireInside("threshold", threshold);
    requireInside("recall", recall);
    Banding best = null;
    for (int rows = 1; rows <= 64; rows++) {
      double bands = Math.ceil(Math.log1p(-recall) / Math.log1p(-Math.pow(threshold, rows)));
      if (bands <= maxBands) {
        best = new Banding((int) Math.max(1, bands), rows);
      }
    }
    if (best == null) {
      throw new IllegalArgumentException(
          "no %d bands find pairs of similarity %s with probability %s; allow more bands"
              .formatted(maxBands, threshold, recall));
    }
    return best;
  }

  /**
   * The banding of at most {@code components} components that errs least around a threshold, as
   * toolkits choose it that do not verify candidates: false positives and false negatives, each
   * integrated over all similarities, weigh the same.
   *
   * @source Zhu, datasketch, MinHashLSH
   */
  public static Banding leastError(double threshold, int components) {
    requireInside("threshold", threshold);
    Banding best = null;
    double least = Double.MAX_VALUE;
    for (int bands = 1; bands <= Math.min(components, 1024); bands++) {
      for (int rows = 1; rows <= Math.min(components / bands, 64); rows++) {
        Banding banding = new Banding(bands, rows);
        double error = banding.error(threshold);
        if (error < least) {
          least = error;
          best = banding;
        }
      }
    }
    return best;
  }

  private double error(double threshold) {
    double falsePositives = 0;
    double falseNegatives = 0;
    for (int cell = 0; cell < CELLS; cell++) {
      double middle = (cell + 0.5) / CELLS;
      falsePositives += collisionProbability(threshold * middle);
      falseNegatives += 1 - collisionProbability(threshold + (1 - threshold) * middle);
    }
    return (falsePositives * threshold + falseNegatives * (1 - threshold)) / CELLS / 2;
  }

  private static void requireInside(String name, double value) {
    if (!(value > 0 && value < 1)) {
      throw new IllegalArgumentException("%s must be in (0, 1), got %s".formatted(name, value));
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

  /** Whether two signatures share a bucket. */
  public boolean share(long[] a, long[] b) {
    for (int band = 0; band < bands; band++) {
      if (key(a, band) == key(b, band)) {
        return true;
      }
    }
    return false;
  }
}
