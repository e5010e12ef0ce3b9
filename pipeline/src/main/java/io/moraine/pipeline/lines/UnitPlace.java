package io.moraine.pipeline.lines;

import io.moraine.pipeline.component.RankedDocument;

/**
 * Where a unit stands; ordered by which place stays: by the priority of the document, then from its
 * front.
 *
 * @param document in which it stands
 * @param word index of its first word there
 */
public record UnitPlace(RankedDocument document, int word) implements Comparable<UnitPlace> {

  @Override
  public int compareTo(UnitPlace other) {
    int byDocument = document.compareTo(other.document);
    return byDocument == 0 ? Integer.compare(word, other.word) : byDocument;
  }
}
