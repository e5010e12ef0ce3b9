package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;

/**
 * bfloat16, rounded to nearest, ties to even: 2 bytes an element, relative error at most 2^-8 for
 * normal numbers. NaN stays NaN.
 */
record Bf16Codec() implements GradientCodec {

  @Override
  public String name() {
    return "bf16";
  }

  @Override
  public int encodedBytes(int elements) {
    return 2 * elements;
  }

  @Override
  public void encode(float[] src, int srcOffset, int elements, ByteBuffer dst) {
    for (int i = 0; i < elements; i++) {
      dst.putShort(rounded(src[srcOffset + i]));
    }
  }

  @Override
  public void decode(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    for (int i = 0; i < elements; i++) {
      dst[dstOffset + i] = Float.intBitsToFloat(src.getShort() << 16);
    }
  }

  private static short rounded(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
