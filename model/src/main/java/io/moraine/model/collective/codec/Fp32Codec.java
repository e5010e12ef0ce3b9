package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;

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
  public int encodedBytes(int elements) {
    return 4 * elements;
  }

  @Override
  public void encode(float[] src, int srcOffset, int elements, ByteBuffer dst) {
    dst.asFloatBuffer().put(src, srcOffset, elements);
    dst.position(dst.position() + 4 * elements);
  }

  @Override
  public void decode(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    src.asFloatBuffer().get(dst, dstOffset, elements);
    src.position(src.position() + 4 * elements);
  }

  @Override
  public void decodeAdd(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    kernels.addFp32(src, src.position(), dst, dstOffset, elements);
    src.position(src.position() + 4 * elements);
  }
}
