package io.moraine.model.collective.codec;

/**
 * bfloat16, rounded to nearest, ties to even: 2 bytes an element, relative error at most 2^-8 for
 * normal numbers. NaN stays NaN.
 */
record Bf16Codec(Kernels kernels) implements GradientCodec {

  @Override
  public String name() {
    return "bf16";
  }

  @Override
  public boolean isCoarse() {
    return false;
  }

  @Override
  public int encodedBytes(int elements) {
    return 2 * elements;
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    kernels.encodeBf16(src, srcOffset, dst, dstOffset, elements);
    return encodedBytes(elements);
  }

  @Override
  public void decode(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    kernels.decodeBf16(src, srcOffset, dst, dstOffset, elements);
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    kernels.addBf16(src, srcOffset, dst, dstOffset, elements);
  }
}
