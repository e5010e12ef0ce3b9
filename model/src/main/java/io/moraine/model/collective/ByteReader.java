package io.moraine.model.collective;

import java.nio.ByteBuffer;

/**
 * Reads a codec's bytes of ranges of a flat float32 array: of one that was encoded as a whole, or
 * by encoding each range when it is read.
 */
@FunctionalInterface
public interface ByteReader {

  /**
   * Puts the bytes of {@code [fromElement, fromElement + length)} where {@code dst} stands.
   *
   * @param fromElement a multiple of the codec's block
   */
  void read(long fromElement, int length, ByteBuffer dst);
}
