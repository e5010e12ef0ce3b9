package io.moraine.pipeline.sequence;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;
import java.io.Serializable;

/**
 * How documents become sequences: each document's tokens and an end-of-text token, in the order of
 * a keyed hash of the ids, laid into rows of {@code length + 1} tokens.
 *
 * @param length tokens that a model sees per sequence, L; {@code >= 2}
 * @param packing which document stands in which row
 * @param seed of the order
 */
public record PackConfig(int length, PackingStrategy packing, long seed) implements Serializable {

  public PackConfig {
    if (length < 2) {
      throw new IllegalArgumentException("length must be at least 2, got %d".formatted(length));
    }
  }

  /** Tokens of a stored row: the last one is only a target. */
  public int rowTokens() {
    return length + 1;
  }

  /**
   * Where a copy of a document stands in the order; ties are broken by id and copy.
   *
   * @param copy from 0
   */
  public long orderKey(String id, int copy) {
    long key = Mix64.combine(Mix64.murmurFinal(seed), Murmur3.hash128(id).high());
    return copy == 0 ? key : Mix64.combine(key, copy);
  }
}
