package io.moraine.pipeline.lsh;

/**
 * About how many documents have a shingle: shingles that agree in some bits are counted together,
 * so a number is never too small.
 *
 * @cost 16 MiB
 */
public final class ShingleFrequencies {

  private static final int SLOTS = 1 << 22;

  private final int[] documents = new int[SLOTS];

  /** Counts a document's set. */
  public void add(long[] shingles) {
    for (long shingle : shingles) {
      documents[slot(shingle)]++;
    }
  }

  /** How many documents have the shingle, or more. */
  public int documents(long shingle) {
    return documents[slot(shingle)];
  }

  private static int slot(long shingle) {
    return (int) shingle & SLOTS - 1;
  }
}
