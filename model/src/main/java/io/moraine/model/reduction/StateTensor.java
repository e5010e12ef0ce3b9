package io.moraine.model.reduction;

/** Float32 numbers that a reduction carries from step to step, part of checkpoints. */
public final class StateTensor {

  /**
   * What the ranks have of a tensor, which decides what becomes of it when their number changes.
   */
  public enum Sharing {
    /** Each its own; the sum counts, so a rank may take over those of several. */
    OWED,
    /** All the same. */
    SAME
  }

  private final String name;
  private final float[] values;
  private final Sharing sharing;

  /** Wraps an array. */
  public StateTensor(String name, float[] values, Sharing sharing) {
    this.name = name;
    this.values = values;
    this.sharing = sharing;
  }

  /** Unique among a reduction's. */
  public String name() {
    return name;
  }

  /** The reduction's own array: what is put there is its state. */
  public float[] values() {
    return values;
  }

  /** What the ranks have of it. */
  public Sharing sharing() {
    return sharing;
  }
}
