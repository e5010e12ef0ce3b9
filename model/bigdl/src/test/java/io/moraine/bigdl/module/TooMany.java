package io.moraine.bigdl.module;

import io.moraine.model.tensor.Slice;
import java.util.List;

/** Wants room for more weights than an array can hold. */
public final class TooMany implements Runnable {

  /** For {@code BigDl}. */
  public TooMany() {}

  @Override
  public void run() {
    new ArrayBuffer(List.of(new Slice("last", 1L << 31, List.of(256L))));
  }
}
