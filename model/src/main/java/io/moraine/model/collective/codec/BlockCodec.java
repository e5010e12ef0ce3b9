package io.moraine.model.collective.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Blocks of 256 elements: a float32 scale (largest absolute value / levels), then one signed code
 * an element, rounded to nearest, ties to even.
 *
 * <p>{@code int8}: 127 levels, one byte a code, 1.016 bytes an element. {@code int4}: 7 levels, two
 * codes a byte, 0.516 bytes an element; in a block of n elements byte j holds element j in its low
 * half and element {@code ceil(n / 2) + j} in its high half, 0 if there is none.
 *
 * <p>The error of an element is at most its block's largest absolute value / (2 levels) (and a
 * rounding error of float32): / 254 and / 14. A block whose largest absolute value is below 2^-100
 * becomes zeros; a block with a value that is not finite becomes NaN as a whole, and so does one
 * whose scale is not finite.
 *
 * @param bits of a code; 4 or 8
 * @source Dettmers et al., 8-bit optimizers via block-wise quantization, 2021, arXiv:2110.02861,
 *     section 2 (block-wise absmax; linear codes here)
 */
record BlockCodec(int bits, Kernels kernels) implements GradientCodec {

  private static final int BLOCK = 256;
  private static final int SCALE_BYTES = 4;
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  BlockCodec {
    if (bits != 4 && bits != 8) {
      throw new IllegalArgumentException("bits must be 4 or 8, got " + bits);
    }
  }

  @Override
  public String name() {
    return "int" + bits;
  }

  @Override
  public boolean isCoarse() {
    return bits == 4;
  }

  @Override
  public int encodedBytes(int elements) {
    return codeBytes(elements) + SCALE_BYTES * ((elements + BLOCK - 1) / BLOCK);
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    int at = dstOffset;
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      Absmax absmax = new Absmax(kernels.largestBits(src, srcOffset + from, count));
      FLOAT.set(dst, at, absmax.scale(levels()));
      if (absmax.isFinite()) {
        quantize(src, srcOffset + from, dst, at + SCALE_BYTES, count, absmax.inverse(levels()));
      } else {
        fillWithOnes(dst, at + SCALE_BYTES, count);
      }
      at += SCALE_BYTES + codeBytes(count);
    }
    return at - dstOffset;
  }

  @Override
  public void decode(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    decode(src, srcOffset, dst, dstOffset, elements, false);
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    decode(src, srcOffset, dst, dstOffset, elements, true);
  }

  private void decode(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int elements, boolean adds) {
    int at = srcOffset;
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      float scale = (float) FLOAT.get(src, at);
      if (!Float.isFinite(scale)) {
        Arrays.fill(dst, dstOffset + from, dstOffset + from + count, Float.NaN);
      } else if (adds) {
        addDequantized(src, at + SCALE_BYTES, dst, dstOffset + from, count, scale);
      } else {
        dequantize(src, at + SCALE_BYTES, dst, dstOffset + from, count, scale);
      }
      at += SCALE_BYTES + codeBytes(count);
    }
  }

  private void dequantize(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int count, float scale) {
    if (bits == 8) {
      kernels.dequantize8(src, srcOffset, dst, dstOffset, count, scale);
    } else {
      kernels.dequantize4(src, srcOffset, dst, dstOffset, count, scale);
    }
  }

  private void addDequantized(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int count, float scale) {
    if (bits == 8) {
      kernels.addDequantized8(src, srcOffset, dst, dstOffset, count, scale);
    } else {
      kernels.addDequantized4(src, srcOffset, dst, dstOffset, count, scale);
    }
  }

  private void quantize(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int count, float inverse) {
    if (bits == 8) {
      kernels.quantize8(src, srcOffset, dst, dstOffset, count, inverse);
    } else {
      kernels.quantize4(src, srcOffset, dst, dstOffset, count, inverse);
    }
  }

  /** Any code gives NaN with a scale that is NaN; it has to be the same one everywhere. */
  private void fillWithOnes(byte[] dst, int dstOffset, int count) {
    byte ones = (byte) (bits == 8 ? 0x01 : 0x11);
    Arrays.fill(dst, dstOffset, dstOffset + codeBytes(count), ones);
  }

  private int levels() {
    return bits == 8 ? 127 : 7;
  }

  private int codeBytes(int elements) {
    return bits == 8 ? elements : (elements + 1) / 2;
  }

  /**
   * A block's largest absolute value.
   *
   * @param bits its bits as float32, sign 0; that of a NaN if there is one
   */
  private record Absmax(int bits) {

    private static final float SMALLEST = 0x1p-100f;

    private float largest() {
      return Float.intBitsToFloat(bits);
    }

    boolean isFinite() {
      return Float.isFinite(largest());
    }

    /** What a code is multiplied with. */
    float scale(int levels) {
      if (!isFinite()) {
        return Float.NaN;
      }
      return largest() >= SMALLEST ? largest() / levels : 0;
    }

    /** What a value is multiplied with, if all are finite. */
    float inverse(int levels) {
      return largest() >= SMALLEST ? levels / largest() : 0;
    }
  }
}
