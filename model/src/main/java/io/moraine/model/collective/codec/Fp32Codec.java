package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.FloatBuffer;

/** Float32 as it is: 4 bytes an element, exact. */
record Fp32Codec(Kernels kernels) implements GradientCodec {

  @Override
  public String name() {
    return "fp32";
  }

  @Override
  public boolean isCoarse() {
    return false;
  }

  @Override
  public boolean isVerbatim() {
    return true;
  }

  @Override
  public int encodedBytes(int elements) {
    return 4 * elements;
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    floats(dst, dstOffset, elements).put(src, srcOffset, elements);
    return encodedBytes(elements);
  }

  @Override
  public void decode(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    floats(src, srcOffset, elements).get(dst, dstOffset, elements);
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    kernels.addFp32(src, srcOffset, dst, dstOffset, elements);
  }

  private static FloatBuffer floats(byte[] bytes, int offset, int elements) {
    return ByteBuffer.wrap(bytes, offset, 4 * elements)
        .order(ByteOrder.LITTLE_ENDIAN)
        .asFloatBuffer();
  }
}
