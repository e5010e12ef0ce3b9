package io.moraine.model.reduction;

/** A state in an array, which is the reduction's own. */
public final class ArrayState implements CarriedState {

  private final String name;
  private final float[] values;
  private final Sharing sharing;
  private float[] kept = new float[0];

  /** Wraps an array. */
  public ArrayState(String name, float[] values, Sharing sharing) {
    this.name = name;
    this.values = values;
    this.sharing = sharing;
  }

  @Override
  public String name() {
    return name;
  }

  @Override
  public Sharing sharing() {
    return sharing;
  }

  @Override
  public int length() {
    return values.length;
  }

  @Override
  public float[] values() {
    return values;
  }

  @Override
  public void put(float[] other) {
    System.arraycopy(other, 0, values, 0, values.length);
  }

  @Override
  public void keep() {
    if (kept.length != values.length) {
      kept = new float[values.length];
    }
    System.arraycopy(values, 0, kept, 0, values.length);
  }

  @Override
  public void putBack() {
    put(kept);
  }
}
