package io.moraine.pipeline.sequence;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;
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
    long hash = Mix64.combine(Mix64.murmurFinal(seed), Murmur3.hash128(id).low());
    return (hash >>> 11) * 0x1.0p-53 < fraction;
  }
}
