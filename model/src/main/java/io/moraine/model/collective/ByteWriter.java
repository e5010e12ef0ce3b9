package io.moraine.model.collective;

import java.nio.ByteBuffer;

/** Takes a codec's bytes of ranges of a flat float32 array, to decode them itself. */
@FunctionalInterface
public interface ByteWriter {

  /**
   * Reads the bytes of {@code [toElement, toElement + length)} from where {@code src} stands to its
   * end.
   *
   * @param toElement a multiple of the codec's block
   * @param src of the length that the codec has for so many elements
   */
  void write(long toElement, int length, ByteBuffer src);
}
