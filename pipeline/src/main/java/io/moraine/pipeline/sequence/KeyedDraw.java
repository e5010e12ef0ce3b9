package io.moraine.pipeline.sequence;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.hash.Murmur3;

/** Numbers in [0, 1) that follow from a seed, a document's id and what they are for. */
final class KeyedDraw {

  private KeyedDraw() {}

  /** The hash that all draws of a document begin with. */
  static long of(long seed, String id) {
    return Mix64.combine(Mix64.murmurFinal(seed), Murmur3.hash128(id).low());
  }

  /** A hash as a uniform number, 53 bits. */
  static double unit(long hash) {
    return (hash >>> 11) * 0x1.0p-53;
  }
}
