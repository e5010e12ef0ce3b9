package io.moraine.pipeline.hash;

/** Mixing functions on 64-bit words. Values derived from them are stored; never change them. */
public final class Mix64 {

  private static final long GOLDEN = 0x9e3779b97f4a7c15L;

  private Mix64() {}

  /** MurmurHash3's finaliser, a bijection in which every input bit changes half the output bits. */
  public static long murmurFinal(long x) {
    long mixed = (x ^ (x >>> 33)) * 0xff51afd7ed558ccdL;
    mixed = (mixed ^ (mixed >>> 33)) * 0xc4ceb9fe1a85ec53L;
    return mixed ^ (mixed >>> 33);
  }

  /** The hash of a sequence that is {@code accumulated} so far and goes on with {@code next}. */
  public static long combine(long accumulated, long next) {
    return murmurFinal(accumulated * GOLDEN + next + 1);
  }

  /**
   * Maps a hash to {@code [0, bound)} without a division.
   *
   * @source Lemire, Fast random integer generation in an interval, 2019, arXiv:1805.10941, section
   *     4
   */
  public static int reduce(long hash, int bound) {
    return (int) ((hash >>> 32) * bound >>> 32);
  }
}
