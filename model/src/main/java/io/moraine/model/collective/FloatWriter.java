package io.moraine.model.collective;

/** Writes ranges of a flat float32 array, wherever it is. */
@FunctionalInterface
public interface FloatWriter {

  /** Copies into {@code [toElement, toElement + length)}. */
  void write(long toElement, float[] src, int srcOffset, int length);
}
