package io.moraine.model.collective.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * Signs alone, in blocks of 256 elements: a float32 scale (mean of the absolute values), the number
 * of elements up to the last one that is not zero, less one, as a byte, then a bit an element, 1 if
 * it is negative: 0.145 bytes an element. Of n elements up to the last that is not zero, bit k of
 * byte j is element {@code k * ceil(n / 8) + j}'s.
 *
 * <p>An element becomes plus or minus its block's mean, so its error is at most the block's largest
 * absolute value. Zeros at a block's end are exact: such are the padding behind a tensor and the
 * gradients of an expert without tokens; other zeros become the mean. A block whose largest
 * absolute value is below 2^-100 becomes zeros; a block with a value that is not finite becomes NaN
 * as a whole.
 *
 * <p>Useless without error feedback: small values count as much as their block's mean.
 *
 * @source Karimireddy et al., Error feedback fixes SignSGD and other gradient compression schemes,
 *     2019, arXiv:1901.09847, section 4 (scaled sign; one scale per block here)
 */
record SignCodec(Kernels kernels) implements GradientCodec {

  private static final int HEADER_BYTES = 5;
  private static final int SMALLEST_BITS = Float.floatToRawIntBits(0x1p-100f);
  private static final VarHandle FLOAT =
      MethodHandles.byteArrayViewVarHandle(float[].class, ByteOrder.LITTLE_ENDIAN);

  @Override
  public String name() {
    return "sign";
  }

  @Override
  public boolean isCoarse() {
    return true;
  }

  @Override
  public int encodedBytes(int elements) {
    int rest = elements % BLOCK;
    return elements / BLOCK * (HEADER_BYTES + signBytes(BLOCK))
        + (rest > 0 ? HEADER_BYTES + signBytes(rest) : 0);
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    int at = dstOffset;
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      encodeBlock(src, srcOffset + from, dst, at, count);
      at += HEADER_BYTES + signBytes(count);
    }
    return at - dstOffset;
  }

  private void encodeBlock(float[] src, int srcOffset, byte[] dst, int dstOffset, int count) {
    Arrays.fill(dst, dstOffset, dstOffset + HEADER_BYTES + signBytes(count), (byte) 0);
    int largest = kernels.largestBits(src, srcOffset, count);
    if (largest >= ScalarKernels.INFINITY) {
      FLOAT.set(dst, dstOffset, Float.NaN);
    } else if (largest >= SMALLEST_BITS) {
      int used = used(src, srcOffset, count);
      // Scaled down, so that no sum overflows.
      float mean = kernels.absoluteSum(src, srcOffset, used, 1f / BLOCK) / used * BLOCK;
      FLOAT.set(dst, dstOffset, mean);
      dst[dstOffset + HEADER_BYTES - 1] = (byte) (used - 1);
      kernels.packSigns(src, srcOffset, dst, dstOffset + HEADER_BYTES, used);
    }
  }

  @Override
  public void decode(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    decode(src, srcOffset, srcLength, dst, dstOffset, elements, false);
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    decode(src, srcOffset, srcLength, dst, dstOffset, elements, true);
  }

  private void decode(
      byte[] src,
      int srcOffset,
      int srcLength,
      float[] dst,
      int dstOffset,
      int elements,
      boolean adds) {
    DamagedPayloadException.requireLength(this, srcLength, elements);
    int at = srcOffset;
    for (int from = 0; from < elements; from += BLOCK) {
      int count = Math.min(BLOCK, elements - from);
      int start = dstOffset + from;
      float scale = (float) FLOAT.get(src, at);
      int used = Byte.toUnsignedInt(src[at + HEADER_BYTES - 1]) + 1;
      if (used > count) {
        throw new DamagedPayloadException(
            "sign payload's block of %d elements says that it has %d".formatted(count, used));
      }
      if (!Float.isFinite(scale)) {
        Arrays.fill(dst, start, start + count, Float.NaN);
      } else if (adds) {
        kernels.addSigns(src, at + HEADER_BYTES, dst, start, used, scale);
      } else {
        kernels.unpackSigns(src, at + HEADER_BYTES, dst, start, used, scale);
        Arrays.fill(dst, start + used, start + count, 0);
      }
      at += HEADER_BYTES + signBytes(count);
    }
  }

  /** Elements up to the last one that is not zero; there is one. */
  private static int used(float[] src, int offset, int count) {
    int used = count;
    while (src[offset + used - 1] == 0) {
      used--;
    }
    return used;
  }

  private static int signBytes(int elements) {
    return (elements + 7) / 8;
  }
}
