package io.moraine.pipeline.component;

/**
 * Two documents whose exact Jaccard similarity reaches the threshold.
 *
 * @param first index of one document in priority order, 0 first; not {@code second}
 * @param second index of the other
 * @param similarity exact Jaccard similarity
 */
public record DuplicatePair(int first, int second, double similarity) {

  public DuplicatePair {
    if (first == second || first < 0 || second < 0) {
      throw new IllegalArgumentException(
          "a pair joins two documents, got %d and %d".formatted(first, second));
    }
  }
}
