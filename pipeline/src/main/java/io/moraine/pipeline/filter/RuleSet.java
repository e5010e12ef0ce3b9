package io.moraine.pipeline.filter;

import java.io.Serializable;

/**
 * A set of quality rules with its thresholds. Keeps a text, changed or not, or rejects it; a pure
 * function, the same on every machine.
 */
public interface RuleSet extends Serializable {

  /** The name by which settings choose it and rejections name it. */
  String name();

  /** Applies the rules in order; the first one that is broken rejects. */
  Verdict apply(String text);
}
