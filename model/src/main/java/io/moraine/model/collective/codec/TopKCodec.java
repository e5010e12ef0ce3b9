package io.moraine.model.collective.codec;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.Arrays;

/**
 * The largest elements alone, all others are zero: the number of entries as an int32, the elements
 * between each entry and the one before it as variable-length integers of 7 bits a byte, lowest
 * first, then the values in bfloat16. About {@code share * (2 + 1 to 2)} bytes an element.
 *
 * <p>A range of n elements gets k = ceil(share n) entries, less if not so many are other than zero.
 * Every s-th element is a sample; a bound is taken from it that about 1.5 k elements reach, and of
 * those that do the k largest are sent, the first ones among equals. If fewer reach it, all of them
 * are sent. The sample of a short range is the range.
 *
 * <p>An element that is not sent errs by its own size, at most that of the smallest one sent if k
 * elements reached the bound; one that is sent by at most 2^-8 of it. What is not finite counts as
 * large, so it is sent, or as many of its like are.
 *
 * <p>Values in bfloat16, since error feedback sends what rounding leaves out and they would be half
 * of an entry's bytes more in float32.
 *
 * @param share of the elements that are sent; in (0, 1]
 * @source Lin et al., Deep gradient compression, 2017, arXiv:1712.01887, section 3.1 (threshold by
 *     sampling, and a second selection if it is too low)
 */
record TopKCodec(double share, Kernels kernels) implements GradientCodec {

  private static final int COUNT_BYTES = TopKEntries.COUNT_BYTES;

  private static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.LITTLE_ENDIAN);

  TopKCodec {
    new TopKEntries(share); // refuses what is no share
  }

  @Override
  public String name() {
    return "topk";
  }

  @Override
  public boolean isCoarse() {
    return true;
  }

  /** The most: gaps of 128 and more, which take a byte more each, are at most 1 in 128. */
  @Override
  public int encodedBytes(int elements) {
    int most = entries().most(elements);
    int bytes = COUNT_BYTES + 3 * most;
    for (int long7 = elements >>> 7; long7 > 0; long7 >>>= 7) {
      bytes += Math.min(most, long7);
    }
    return bytes;
  }

  @Override
  public int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements) {
    int[] places = largest(src, srcOffset, elements);
    float[] values = new float[places.length];
    for (int i = 0; i < places.length; i++) {
      values[i] = src[srcOffset + places[i]];
    }
    ByteBuffer bytes = ByteBuffer.wrap(dst).order(ByteOrder.LITTLE_ENDIAN).position(dstOffset);
    TopKEntries.put(places, places.length, bytes);
    kernels.encodeBf16(values, 0, dst, bytes.position(), places.length);
    return bytes.position() + 2 * places.length - dstOffset;
  }

  @Override
  public void decode(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    int[] places = places(src, srcOffset, srcLength, elements);
    float[] values = values(src, srcOffset + srcLength, places.length);
    Arrays.fill(dst, dstOffset, dstOffset + elements, 0);
    for (int i = 0; i < places.length; i++) {
      dst[dstOffset + places[i]] = values[i];
    }
  }

  @Override
  public void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements) {
    int[] places = places(src, srcOffset, srcLength, elements);
    float[] values = values(src, srcOffset + srcLength, places.length);
    for (int i = 0; i < places.length; i++) {
      dst[dstOffset + places[i]] += values[i];
    }
    kernels.oneNaN(dst, dstOffset, elements);
  }

  private TopKEntries entries() {
    return new TopKEntries(share);
  }

  /** Places of what is sent, ascending. */
  private int[] largest(float[] src, int offset, int elements) {
    int most = entries().most(elements);
    int bound = bound(src, offset, elements);
    int[] candidates = new int[kernels.countReaching(src, offset, elements, bound)];
    kernels.findReaching(src, offset, elements, bound, candidates);
    if (candidates.length <= most) {
      return candidates;
    }
    int[] sizes = new int[candidates.length];
    for (int i = 0; i < sizes.length; i++) {
      sizes[i] = size(src[offset + candidates[i]]);
    }
    int smallest = Selection.nthLargest(sizes.clone(), most);
    int larger = 0;
    for (int size : sizes) {
      larger += size > smallest ? 1 : 0;
    }
    int equal = most - larger;
    int[] places = new int[most];
    int count = 0;
    for (int i = 0; i < sizes.length; i++) {
      if (sizes[i] > smallest || sizes[i] == smallest && equal-- > 0) {
        places[count++] = candidates[i];
      }
    }
    return places;
  }

  /** A size that about 1.5 k elements reach; never zero. */
  private int bound(float[] src, int offset, int elements) {
    if (elements == 0) {
      return 1;
    }
    int stride = entries().stride(elements);
    int[] sample = new int[(elements + stride - 1) / stride];
    for (int i = 0; i < sample.length; i++) {
      sample[i] = size(src[offset + i * stride]);
    }
    return Math.max(1, Selection.nthLargest(sample, entries().boundAmong(sample.length)));
  }

  /** Orders by absolute value, what is not finite above all that is. */
  private static int size(float value) {
    return Float.floatToRawIntBits(value) & ScalarKernels.ABSOLUTE;
  }

  private int[] places(byte[] src, int srcOffset, int srcLength, int elements) {
    int count = srcLength < COUNT_BYTES ? -1 : (int) INT.get(src, srcOffset);
    long end = (long) srcOffset + srcLength - 2L * count;
    int at = srcOffset + COUNT_BYTES;
    if (count < 0 || count > entries().most(elements) || end < at) {
      throw damaged(elements, "has no number of entries that fits its %d bytes", srcLength);
    }
    int[] places = new int[count];
    long place = -1;
    for (int i = 0; i < count; i++) {
      long gap = 0;
      int shift = 0;
      byte bits;
      do {
        if (at >= end || shift > 28) {
          throw damaged(elements, "ends in the place of entry %d", i);
        }
        bits = src[at++];
        gap |= (bits & 0x7fL) << shift;
        shift += 7;
      } while (bits < 0);
      place += gap + 1;
      if (place >= elements) {
        throw damaged(elements, "has entry %d behind its end", i);
      }
      places[i] = (int) place;
    }
    if (at != end) {
      throw damaged(elements, "has %d bytes too many", end - at);
    }
    return places;
  }

  private float[] values(byte[] src, int end, int count) {
    float[] values = new float[count];
    kernels.decodeBf16(src, end - 2 * count, values, 0, count);
    return values;
  }

  private static DamagedPayloadException damaged(int elements, String what, long number) {
    return new DamagedPayloadException(
        "topk payload of %d elements %s".formatted(elements, what.formatted(number)));
  }
}
