package io.moraine.pipeline.sequence;

import java.io.Serializable;

/**
 * Which documents are kept aside for evaluation: by a keyed hash of the id alone, so that a
 * document stays on its side whatever else the corpus holds.
 *
 * @param fraction expected share of documents; in [0, 1)
 * @param seed of the hash
 */
public record HeldOut(double fraction, long seed) implements Serializable {

  public HeldOut {
    if (!(fraction >= 0 && fraction < 1)) {
      throw new IllegalArgumentException("fraction must be in [0, 1), got %s".formatted(fraction));
    }
  }

  /** Whether the document of this id is held out. */
  public boolean contains(String id) {
    return KeyedDraw.unit(KeyedDraw.of(seed, id)) < fraction;
  }
}
