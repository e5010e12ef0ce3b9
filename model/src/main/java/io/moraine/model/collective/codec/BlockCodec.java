package io.moraine.model.collective.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.Locale;

/**
 * Blocks of a number of elements: a float32 scale (largest absolute value / levels), then one code
 * an element, rounded to nearest, ties to even.
 *
 * <p>{@code int8}: 127 levels, one byte a code, 1.016 bytes an element in blocks of 256. {@code
 * int4}: 7 levels, two codes a byte, 0.516 bytes an element; in a block of n elements byte j holds
 * element j in its low half and element {@code ceil(n / 2) + j} in its high half, 0 if there is
 * none. {@code fp8}: E4M3, whose largest value is 448, 1.031 bytes an element in blocks of 128.
 *
 * <p>The error of an element is at most its block's largest absolute value / (2 levels) (and a
 * rounding error of float32) for int8 and int4: / 254 and / 14; for fp8 at most 2^-4 of itself or
 * 2^-10 of its block's scale. A block whose largest absolute value is below 2^-100 becomes zeros; a
 * block with a value that is not finite becomes NaN as a whole, and so does one whose scale is not
 * finite.
 *
 * @param code of an element
 * @param block elements of a block
 * @source Dettmers et al., 8-bit optimizers via block-wise quantization, 2021, arXiv:2110.02861,
 *     section 2 (block-wise absmax; linear codes here); fp8: DeepSeek-AI, DeepSeek-V3, 2024,
 *     arXiv:2412.19437, section 3.3.2 (1 x 128 tiles of activations)
 */
record BlockCodec(Code code, int block, Kernels kernels) implements GradientCodec {

  /** How an element is written. */
  enum Code {
    /** A signed byte. */
    INT8(127),
    /** Half a signed byte. */
    INT4(7),
    /** A float of 8 bits: sign, 4 bits of exponent, 3 of mantissa. */
    FP8(448);

    private final int levels;

    Code(int levels) {
      this.levels = levels;
    }
  }

  /** A block's values to codes. */
  private interface Quantizer {
    void run(
        Kernels kernels,
        float[] src,
        int srcOffset,
        byte[] dst,
        int dstOffset,
        int count,
        float inverse);
  }

  /** A block's codes to values. */
  private interface Dequantizer {
    void run(
        Kernels kernels,
        byte[] src,
        int srcOffset,
        float[] dst,
        int dstOffset,
        int count,
        float scale);
  }

  private static final int SCALE_BYTES = 4;
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return code.name().toLowerCase(Locale.ROOT);
  }

  @Override
  public boolean isCoarse() {
    return code == Code.INT4;
  }

  @Override
  public int blockElements() {
    return block;
  }

  @Override
  public int encodedBytes(int elements) {
    return elements / block * (SCALE_BYTES + codeBytes(block))
        + (elements % block > 0 ? SCALE_BYTES + codeBytes(elements % block) : 0);
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    Quantizer quantizer = quantizer();
    int at = dstOffset;
    for (int from = 0; from < elements; from += block) {
      int count = Math.min(block, elements - from);
      Absmax absmax = new Absmax(kernels.largestBits(src, srcOffset + from, count));
      FLOAT.set(dst, at, absmax.scale(code.levels));
      if (absmax.isFinite()) {
        float inverse = absmax.inverse(code.levels);
        quantizer.run(kernels, src, srcOffset + from, dst, at + SCALE_BYTES, count, inverse);
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
    decode(src, srcOffset, dst, dstOffset, elements, dequantizer());
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    decode(src, srcOffset, dst, dstOffset, elements, adder());
  }

  private void decode(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int elements, Dequantizer how) {
    int at = srcOffset;
    for (int from = 0; from < elements; from += block) {
      int count = Math.min(block, elements - from);
      float scale = (float) FLOAT.get(src, at);
      if (!Float.isFinite(scale)) {
        Arrays.fill(dst, dstOffset + from, dstOffset + from + count, Float.NaN);
      } else {
        how.run(kernels, src, at + SCALE_BYTES, dst, dstOffset + from, count, scale);
      }
      at += SCALE_BYTES + codeBytes(count);
    }
  }

  // Loops are called by reference: as branches of one method C2 would inline all that a process
  // uses into one compilation, come to its limit of nodes, and box the vectors of whatever came
  // last, at a seventh of the speed.

  private Quantizer quantizer() {
    return switch (code) {
      case INT8 -> Kernels::quantize8;
      case INT4 -> Kernels::quantize4;
      case FP8 -> Kernels::quantizeE4m3;
    };
  }

  private Dequantizer dequantizer() {
    return switch (code) {
      case INT8 -> Kernels::dequantize8;
      case INT4 -> Kernels::dequantize4;
      case FP8 -> Kernels::dequantizeE4m3;
    };
  }

  private Dequantizer adder() {
    return switch (code) {
      case INT8 -> Kernels::addDequantized8;
      case INT4 -> Kernels::addDequantized4;
      case FP8 -> Kernels::addDequantizedE4m3;
    };
  }

  /** Any code gives NaN with a scale that is NaN; it has to be the same one everywhere. */
  private void fillWithOnes(byte[] dst, int dstOffset, int count) {
    byte ones = (byte) (code == Code.INT4 ? 0x11 : 0x01);
    Arrays.fill(dst, dstOffset, dstOffset + codeBytes(count), ones);
  }

  private int codeBytes(int elements) {
    return code == Code.INT4 ? (elements + 1) / 2 : elements;
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
