package io.moraine.pipeline.lsh;

import java.io.Serializable;

/**
 * About how many documents have a shingle: shingles that agree in some bits are counted together,
 * so a number is never too small.
 *
 * @cost 16 MiB
 */
public final class ShingleFrequencies implements Serializable {

  private static final long serialVersionUID = 1L;

  private static final int SLOTS = 1 << 22;

  private final int[] documents = new int[SLOTS];

  /** Counts a document's set. */
  public void add(long[] shingles) {
    for (long shingle : shingles) {
      documents[slot(shingle)] = sum(documents[slot(shingle)], 1);
    }
  }

  /** Counts the documents of another one too. */
  public ShingleFrequencies add(ShingleFrequencies other) {
    for (int slot = 0; slot < SLOTS; slot++) {
      documents[slot] = sum(documents[slot], other.documents[slot]);
    }
    return this;
  }

  /** How many documents have the shingle, or more. */
  public int documents(long shingle) {
    return documents[slot(shingle)];
  }

  private static int sum(int a, int b) {
    int sum = a + b;
    return sum < 0 ? Integer.MAX_VALUE : sum;
  }

  private static int slot(long shingle) {
    return (int) shingle & SLOTS - 1;
  }
}
