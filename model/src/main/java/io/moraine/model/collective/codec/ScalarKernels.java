package io.moraine.model.collective.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** Plain loops. */
final class ScalarKernels implements Kernels {

  /**
   * Added to a float between -2^22 and 2^22 it rounds to the nearest integer, ties to even, whose
   * lowest bits are the sum's.
   */
  static final float ROUNDING = 0x1.8p23f;

  static final int ABSOLUTE = 0x7fffffff;
  static final int INFINITY = 0x7f800000;

  /** 2^-6 as float32's bits, E4M3's smallest normal number. */
  static final int E4M3_NORMAL = 0x3c800000;

  /** What float32's exponent is ahead of E4M3's, above 3 bits of mantissa. */
  static final int E4M3_BIAS = 127 - 7 << 3;

  /** E4M3's subnormal numbers are this many times an integer smaller. */
  static final float E4M3_STEPS = 0x1p9f;

  private static final int QUIET_BF16 = 0x40;
  private static final float[] E4M3 = e4m3();
  private static final VarHandle SHORT =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.LITTLE_ENDIAN);
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return "scalar";
  }

  @Override
  public int lanes() {
    return 1;
  }

  @Override
  public void encodeBf16(float[] src, int srcOffset, byte[] dst, int dstOffset, int length) {
    for (int i = 0; i < length; i++) {
      int bits = Float.floatToRawIntBits(src[srcOffset + i]);
      int high = bits >>> 16;
      boolean isNaN = (bits & ABSOLUTE) > INFINITY;
      int rounded = isNaN ? high | QUIET_BF16 : bits + 0x7fff + (high & 1) >>> 16;
      SHORT.set(dst, dstOffset + 2 * i, (short) rounded);
    }
  }

  @Override
  public void decodeBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = bf16(src, srcOffset + 2 * i);
    }
  }

  @Override
  public void addBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = sum(dst[dstOffset + i], bf16(src, srcOffset + 2 * i));
    }
  }

  @Override
  public void addFp32(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = sum(dst[dstOffset + i], (float) FLOAT.get(src, srcOffset + 4 * i));
    }
  }

  @Override
  public int largestBits(float[] src, int offset, int length) {
    int largest = 0;
    for (int i = 0; i < length; i++) {
      largest = Math.max(largest, Float.floatToRawIntBits(src[offset + i]) & ABSOLUTE);
    }
    return largest;
  }

  @Override
  public void quantize8(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = (byte) code(src[srcOffset + i], inverse);
    }
  }

  @Override
  public void dequantize8(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = src[srcOffset + i] * scale;
    }
  }

  @Override
  public void addDequantized8(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = sum(dst[dstOffset + i], src[srcOffset + i] * scale);
    }
  }

  @Override
  public void quantize4(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    int half = (length + 1) / 2;
    for (int i = 0; i < half; i++) {
      int low = code(src[srcOffset + i], inverse);
      int high = half + i < length ? code(src[srcOffset + half + i], inverse) : 0;
      dst[dstOffset + i] = (byte) (low & 0xf | high << 4);
    }
  }

  @Override
  public void dequantize4(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int half = (length + 1) / 2;
    for (int i = 0; i < half; i++) {
      byte codes = src[srcOffset + i];
      dst[dstOffset + i] = low(codes) * scale;
      if (half + i < length) {
        dst[dstOffset + half + i] = high(codes) * scale;
      }
    }
  }

  @Override
  public void addDequantized4(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int half = (length + 1) / 2;
    for (int i = 0; i < half; i++) {
      byte codes = src[srcOffset + i];
      dst[dstOffset + i] = sum(dst[dstOffset + i], low(codes) * scale);
      if (half + i < length) {
        dst[dstOffset + half + i] = sum(dst[dstOffset + half + i], high(codes) * scale);
      }
    }
  }

  @Override
  public void quantizeE4m3(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    for (int i = 0; i < length; i++) {
      float value = src[srcOffset + i] * inverse;
      int bits = Float.floatToRawIntBits(value);
      int absolute = bits & ABSOLUTE;
      int normal = (absolute + 0x7ffff + (absolute >>> 20 & 1) >>> 20) - E4M3_BIAS;
      int subnormal = Float.floatToRawIntBits(Math.abs(value) * E4M3_STEPS + ROUNDING) & 0xf;
      int code = absolute < E4M3_NORMAL ? subnormal : normal;
      dst[dstOffset + i] = (byte) (code | bits >>> 24 & 0x80);
    }
  }

  @Override
  public void dequantizeE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = E4M3[src[srcOffset + i] & 0xff] * scale;
    }
  }

  @Override
  public void addDequantizedE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] = sum(dst[dstOffset + i], E4M3[src[srcOffset + i] & 0xff] * scale);
    }
  }

  @Override
  public void packSigns(float[] src, int srcOffset, byte[] dst, int dstOffset, int length) {
    int columns = (length + 7) / 8;
    for (int j = 0; j < columns; j++) {
      int bits = 0;
      for (int k = 0; k < 8 && k * columns + j < length; k++) {
        bits |= Float.floatToRawIntBits(src[srcOffset + k * columns + j]) >>> 31 << k;
      }
      dst[dstOffset + j] = (byte) bits;
    }
  }

  @Override
  public void unpackSigns(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int columns = (length + 7) / 8;
    for (int from = 0, bit = 0; from < length; from += columns, bit++) {
      int count = Math.min(columns, length - from);
      for (int j = 0; j < count; j++) {
        dst[dstOffset + from + j] = signed(src[srcOffset + j], bit, scale);
      }
    }
  }

  @Override
  public void addSigns(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int columns = (length + 7) / 8;
    for (int from = 0, bit = 0; from < length; from += columns, bit++) {
      int count = Math.min(columns, length - from);
      for (int j = 0; j < count; j++) {
        int i = dstOffset + from + j;
        dst[i] = sum(dst[i], signed(src[srcOffset + j], bit, scale));
      }
    }
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
    int bound = length - length % SUMS;
    float even =
        quarter(a, aOffset, b, bOffset, bound) + quarter(a, aOffset + 2, b, bOffset + 2, bound);
    float odd =
        quarter(a, aOffset + 1, b, bOffset + 1, bound)
            + quarter(a, aOffset + 3, b, bOffset + 3, bound);
    return sum(even + odd, rest(a, aOffset, b, bOffset, bound, length));
  }

  @Override
  public void addScaled(
      float[] src, int srcOffset, float[] dst, int dstOffset, int length, float factor) {
    for (int i = 0; i < length; i++) {
      dst[dstOffset + i] += src[srcOffset + i] * factor;
    }
  }

  @Override
  public void oneNaN(float[] values, int offset, int length) {
    for (int i = offset; i < offset + length; i++) {
      values[i] = Float.isNaN(values[i]) ? Float.NaN : values[i];
    }
  }

  @Override
  public float absoluteSum(float[] src, int offset, int length, float factor) {
    int bound = length - length % SUMS;
    float even =
        absoluteQuarter(src, offset, bound, factor)
            + absoluteQuarter(src, offset + 2, bound, factor);
    float odd =
        absoluteQuarter(src, offset + 1, bound, factor)
            + absoluteQuarter(src, offset + 3, bound, factor);
    return even + odd + absoluteRest(src, offset + bound, length - bound, factor);
  }

  @Override
  public int countReaching(float[] src, int offset, int length, int bound) {
    int count = 0;
    for (int i = offset; i < offset + length; i++) {
      count += (Float.floatToRawIntBits(src[i]) & ABSOLUTE) >= bound ? 1 : 0;
    }
    return count;
  }

  @Override
  public void findReaching(float[] src, int offset, int length, int bound, int[] places) {
    int found = 0;
    for (int i = 0; i < length; i++) {
      if ((Float.floatToRawIntBits(src[offset + i]) & ABSOLUTE) >= bound) {
        places[found++] = i;
      }
    }
  }

  /** The products that a {@link #dot} adds last. */
  static float rest(float[] a, int aOffset, float[] b, int bOffset, int from, int to) {
    float sum = 0;
    for (int i = from; i < to; i++) {
      sum += a[aOffset + i] * b[bOffset + i];
    }
    return sum;
  }

  /** Likewise of absolute values. */
  static float absoluteRest(float[] src, int offset, int length, float factor) {
    float sum = 0;
    for (int i = offset; i < offset + length; i++) {
      sum += Math.abs(src[i]) * factor;
    }
    return sum;
  }

  /** Sums 0, 4, 8 and 12 of 16: so few at a time that each stays in a register. */
  private static float quarter(float[] a, int aOffset, float[] b, int bOffset, int length) {
    float sum0 = 0;
    float sum4 = 0;
    float sum8 = 0;
    float sum12 = 0;
    for (int i = 0; i < length; i += SUMS) {
      sum0 += a[aOffset + i] * b[bOffset + i];
      sum4 += a[aOffset + i + 4] * b[bOffset + i + 4];
      sum8 += a[aOffset + i + 8] * b[bOffset + i + 8];
      sum12 += a[aOffset + i + 12] * b[bOffset + i + 12];
    }
    return (sum0 + sum8) + (sum4 + sum12);
  }

  private static float absoluteQuarter(float[] src, int offset, int length, float factor) {
    float sum0 = 0;
    float sum4 = 0;
    float sum8 = 0;
    float sum12 = 0;
    for (int i = offset; i < offset + length; i += SUMS) {
      sum0 += Math.abs(src[i]) * factor;
      sum4 += Math.abs(src[i + 4]) * factor;
      sum8 += Math.abs(src[i + 8]) * factor;
      sum12 += Math.abs(src[i + 12]) * factor;
    }
    return (sum0 + sum8) + (sum4 + sum12);
  }

  private static float bf16(byte[] src, int offset) {
    return Float.intBitsToFloat((short) SHORT.get(src, offset) << 16);
  }

  /** The lowest bits are the code; those above are not. */
  private static int code(float value, float inverse) {
    return Float.floatToRawIntBits(value * inverse + ROUNDING);
  }

  /** The values of all codes. */
  private static float[] e4m3() {
    float[] values = new float[256];
    for (int code = 0; code < values.length; code++) {
      int magnitude = code & 0x7f;
      float absolute =
          magnitude < 8
              ? magnitude / E4M3_STEPS
              : Float.intBitsToFloat(magnitude + E4M3_BIAS << 20);
      values[code] = code < 0x80 ? absolute : -absolute;
    }
    return values;
  }

  private static float signed(byte bits, int bit, float scale) {
    return Float.intBitsToFloat(Float.floatToRawIntBits(scale) ^ bits >>> bit << 31);
  }

  private static int low(byte codes) {
    return codes << 28 >> 28;
  }

  private static int high(byte codes) {
    return codes >> 4;
  }

  static float sum(float a, float b) {
    float sum = a + b;
    return Float.isNaN(sum) ? Float.NaN : sum;
  }
}
