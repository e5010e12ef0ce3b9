package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;

/**
 * Blocks of 256 elements: a float32 scale (largest absolute value / 127), then one signed byte an
 * element, rounded to nearest, ties to even; 1.016 bytes an element.
 *
 * <p>The error of an element is at most its block's largest absolute value / 254 (and a rounding
 * error of float32). A block whose largest absolute value is below 2^-100 becomes zeros; a block
 * with a value that is not finite becomes NaN as a whole.
 *
 * @source Dettmers et al., 8-bit optimizers via block-wise quantization, 2021, arXiv:2110.02861,
 *     section 2 (block-wise absmax; linear codes here)
 */
record Int8Codec() implements GradientCodec {

  private static final int BLOCK = 256;
  private static final float SMALLEST = 0x1p-100f;

  /** Adding and subtracting it rounds a float below 2^22 to the nearest integer, ties to even. */
  private static final float ROUNDING = 0x1.8p23f;

  @Override
  public String name() {
    return "int8";
  }

  @Override
  public int encodedBytes(int elements) {
    return elements + 4 * ((elements + BLOCK - 1) / BLOCK);
  }

  @Override
  public void encode(float[] src, int srcOffset, int elements, ByteBuffer dst) {
    byte[] codes = new byte[BLOCK];
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      dst.putFloat(encodeBlock(src, srcOffset + from, count, codes));
      dst.put(codes, 0, count);
    }
  }

  @Override
  public void decode(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    byte[] codes = new byte[BLOCK];
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      float scale = src.getFloat();
      src.get(codes, 0, count);
      for (int i = 0; i < count; i++) {
        dst[dstOffset + from + i] = codes[i] * scale;
      }
    }
  }

  /** Writes a block's codes and returns its scale. */
  private static float encodeBlock(float[] src, int offset, int count, byte[] codes) {
    int largestBits = 0;
    for (int i = 0; i < count; i++) {
      largestBits = Math.max(largestBits, Float.floatToRawIntBits(src[offset + i]) & 0x7fffffff);
    }
    float largest = Float.intBitsToFloat(largestBits);
    boolean finite = Math.abs(largest) <= Float.MAX_VALUE;
    float inverse = finite && largest >= SMALLEST ? 127 / largest : 0;
    for (int i = 0; i < count; i++) {
      float rounded = finite ? src[offset + i] * inverse + ROUNDING - ROUNDING : 1;
      codes[i] = (byte) rounded;
    }
    return finite ? inverse == 0 ? 0 : largest / 127 : Float.NaN;
  }
}
