package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.function.IntUnaryOperator;

/**
 * A small number for each code point, looked up in UTF-8.
 *
 * <p>Two stages: blocks of 256 code points that are equal are stored once.
 */
final class CodePointClasses {

  /** What {@link #ofByte} says of a byte that is not ASCII. */
  static final byte NOT_ASCII = -1;

  private static final int BLOCK_BITS = 8;
  private static final int BLOCK = 1 << BLOCK_BITS;

  private final byte[] ofByte = new byte[256];
  private final char[] blockStarts = new char[(GeneralCategory.MAX_CODE_POINT + 1) >> BLOCK_BITS];
  private final byte[] blocks;

  /**
   * Builds the tables.
   *
   * @param classOf the class of a code point, in [0, 127]
   */
  CodePointClasses(IntUnaryOperator classOf) {
    Map<String, Integer> starts = new HashMap<>();
    byte[] all = new byte[BLOCK * blockStarts.length];
    byte[] block = new byte[BLOCK];
    int used = 0;
    for (int b = 0; b < blockStarts.length; b++) {
      for (int i = 0; i < BLOCK; i++) {
        block[i] = (byte) classOf.applyAsInt(b << BLOCK_BITS | i);
      }
      Integer start = starts.putIfAbsent(Arrays.toString(block), used);
      if (start == null) {
        System.arraycopy(block, 0, all, used, BLOCK);
        start = used;
        used += BLOCK;
      }
      blockStarts[b] = (char) start.intValue();
    }
    blocks = Arrays.copyOf(all, used);
    Arrays.fill(ofByte, NOT_ASCII);
    System.arraycopy(blocks, blockStarts[0], ofByte, 0, 128);
  }

  /** The class of an ASCII character; {@link #NOT_ASCII} for other bytes. */
  int ofByte(byte b) {
    return ofByte[b & 0xff];
  }

  /** The class of the code point that begins at {@code at} in well-formed UTF-8. */
  int at(byte[] text, int at) {
    int c = ofByte[text[at] & 0xff];
    return c != NOT_ASCII ? c : of(Utf8Text.codePointAt(text, at));
  }

  int of(int codePoint) {
    return blocks[blockStarts[codePoint >> BLOCK_BITS] + (codePoint & BLOCK - 1)];
  }
}
