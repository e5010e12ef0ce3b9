package io.moraine.pipeline.substring;

import java.io.Serializable;

/**
 * Which repeated spans are cut.
 *
 * @param minWords spans of at least so many words are cut from all places but the first; in [2,
 *     1000]
 * @param maxPasses passes over the corpus before giving up; the last one only finds that nothing is
 *     left; in [1, 1000]
 */
public record SubstringConfig(int minWords, int maxPasses) implements Serializable {

  public SubstringConfig {
    if (minWords < 2 || minWords > 1000) {
      throw new IllegalArgumentException(
          "min-words must be in [2, 1000], got %d".formatted(minWords));
    }
    if (maxPasses < 1 || maxPasses > 1000) {
      throw new IllegalArgumentException(
          "max-passes must be in [1, 1000], got %d".formatted(maxPasses));
    }
  }
}
