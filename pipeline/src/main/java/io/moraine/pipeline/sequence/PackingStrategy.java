package io.moraine.pipeline.sequence;

/** Which document stands in which sequence. */
public enum PackingStrategy {

  /** All documents in one stream, cut wherever a sequence is full. */
  CONCAT,

  /** Documents cut only where they are longer than a sequence: {@link BestFit}. */
  BEST_FIT
}
