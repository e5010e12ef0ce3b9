package io.moraine.pipeline.lines;

import java.io.Serializable;

/**
 * Which lines or paragraphs are cut.
 *
 * @param unit what is compared
 * @param minWords units of fewer words are left alone; {@code >= 1}
 * @param maxCopies a unit that stands in more places of the corpus is cut; {@code >= 1}
 * @param keepCopies so many of its places stay, the first ones; in [1, max-copies]
 */
public record LinesConfig(Unit unit, int minWords, int maxCopies, int keepCopies)
    implements Serializable {

  /** Parts of a text. */
  public enum Unit {
    /** What stands between line ends. */
    LINE,
    /** Lines without a blank one between them. */
    PARAGRAPH
  }

  public LinesConfig {
    if (minWords < 1) {
      throw new IllegalArgumentException(
          "min-words must be at least 1, got %d".formatted(minWords));
    }
    if (maxCopies < 1) {
      throw new IllegalArgumentException(
          "max-copies must be at least 1, got %d".formatted(maxCopies));
    }
    if (keepCopies < 1 || keepCopies > maxCopies) {
      throw new IllegalArgumentException(
          "keep-copies must be in [1, max-copies], got %d and max-copies = %d"
              .formatted(keepCopies, maxCopies));
    }
  }
}
