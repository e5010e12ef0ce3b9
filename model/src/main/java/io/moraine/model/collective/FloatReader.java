package io.moraine.model.collective;

/** Reads ranges of a flat float32 array, wherever it is. */
@FunctionalInterface
public interface FloatReader {

  /** Copies {@code [fromElement, fromElement + length)} to {@code dst}. */
  void read(long fromElement, float[] dst, int dstOffset, int length);
}
