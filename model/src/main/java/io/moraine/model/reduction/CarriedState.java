package io.moraine.model.reduction;

/** Float32 numbers that a reduction carries from step to step, part of checkpoints. */
public interface CarriedState {

  /**
   * What the ranks have of a tensor, which decides what becomes of it when their number changes.
   */
  enum Sharing {
    /** Each its own; the sum counts, so a rank may take over those of several. */
    OWED,
    /** All the same. */
    SAME
  }

  /** Unique among a reduction's. */
  String name();

  /** What the ranks have of it. */
  Sharing sharing();

  /** How many numbers. */
  int length();

  /** The numbers, in an array that must not be changed. */
  float[] values();

  /** The numbers, in an array that is the caller's. */
  default float[] copy() {
    return values().clone();
  }

  /**
   * Replaces the numbers.
   *
   * @param values as many; copied
   */
  void put(float[] values);

  /** Remembers the numbers, in place of what was remembered before. */
  void keep();

  /** Takes the remembered numbers. */
  void putBack();
}
