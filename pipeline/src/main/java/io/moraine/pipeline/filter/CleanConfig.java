package io.moraine.pipeline.filter;

import java.io.Serializable;

/**
 * Which quality rules apply and where they draw the line.
 *
 * @param stripLicenceHeaders whether leading comments that state a licence are cut
 * @param rejectGenerated whether texts marked as generated code are rejected
 * @param minWords fewest words of a document
 * @param maxWords most words of a document
 * @param maxDuplicateLineFraction largest share of characters in lines that stand more than once;
 *     in [0, 1]
 * @param maxTopRunFraction largest share of words covered by the most frequent run of three words;
 *     in [0, 1]
 */
public record CleanConfig(
    boolean stripLicenceHeaders,
    boolean rejectGenerated,
    int minWords,
    int maxWords,
    double maxDuplicateLineFraction,
    double maxTopRunFraction)
    implements Serializable {

  public CleanConfig {
    if (minWords < 0 || maxWords < minWords) {
      throw new IllegalArgumentException(
          "min-words and max-words must satisfy 0 <= min-words <= max-words, got %d and %d"
              .formatted(minWords, maxWords));
    }
    requireFraction("max-duplicate-line-fraction", maxDuplicateLineFraction);
    requireFraction("max-top-run-fraction", maxTopRunFraction);
  }

  private static void requireFraction(String name, double value) {
    if (!(value >= 0 && value <= 1)) {
      throw new IllegalArgumentException("%s must be in [0, 1], got %s".formatted(name, value));
    }
  }
}
