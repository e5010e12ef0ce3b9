package io.moraine.model.collective.codec;

import static jdk.incubator.vector.VectorOperators.ADD;
import static jdk.incubator.vector.VectorOperators.ASHR;
import static jdk.incubator.vector.VectorOperators.B2I;
import static jdk.incubator.vector.VectorOperators.GE;
import static jdk.incubator.vector.VectorOperators.I2B;
import static jdk.incubator.vector.VectorOperators.I2F;
import static jdk.incubator.vector.VectorOperators.I2S;
import static jdk.incubator.vector.VectorOperators.LSHL;
import static jdk.incubator.vector.VectorOperators.LSHR;
import static jdk.incubator.vector.VectorOperators.MAX;
import static jdk.incubator.vector.VectorOperators.S2I;
import static jdk.incubator.vector.VectorOperators.XOR;

import jdk.incubator.vector.ByteVector;
import jdk.incubator.vector.FloatVector;
import jdk.incubator.vector.IntVector;
import jdk.incubator.vector.Vector;
import jdk.incubator.vector.VectorShape;
import jdk.incubator.vector.VectorSpecies;

/**
 * Loops over vectors of float32 and of as many codes; what is left over is {@link ScalarKernels}'.
 * Compiled by an execution of its own (model/pom.xml), loaded by name only.
 */
final class VectorKernels implements Kernels {

  // At least 256 bits: as many bytes as there are lanes must be a vector themselves. At most 512: a
  // vector of 16 lanes has all sums of a dot product. One shape for all loops: with two, C2 knows
  // neither where it inlines the methods of FloatVector, and boxes vectors, at a tenth of the
  // speed.
  private static final VectorSpecies<Float> FLOATS =
      FloatVector.SPECIES_PREFERRED.length() < SUMS
          ? FloatVector.SPECIES_256
          : FloatVector.SPECIES_512;
  private static final VectorSpecies<Integer> INTS = FLOATS.withLanes(int.class);
  private static final int LANES = FLOATS.length();
  private static final VectorSpecies<Short> SHORTS =
      VectorSpecies.of(short.class, VectorShape.forBitSize(16 * LANES));
  private static final VectorSpecies<Byte> BYTES =
      VectorSpecies.of(byte.class, VectorShape.forBitSize(8 * LANES));
  private static final VectorSpecies<Byte> SHORT_BYTES = SHORTS.withLanes(byte.class);
  private static final VectorSpecies<Byte> FLOAT_BYTES = FLOATS.withLanes(byte.class);

  private final ScalarKernels scalar = new ScalarKernels();

  @Override
  public String name() {
    return "vector";
  }

  @Override
  public int lanes() {
    return FloatVector.SPECIES_PREFERRED.length();
  }

  @Override
  public void encodeBf16(float[] src, int srcOffset, byte[] dst, int dstOffset, int length) {
    int bound = FLOATS.loopBound(length);
    IntVector largest = IntVector.zero(INTS);
    for (int i = 0; i < bound; i += LANES) {
      IntVector bits = FloatVector.fromArray(FLOATS, src, srcOffset + i).reinterpretAsInts();
      largest = largest.max(bits.and(ScalarKernels.ABSOLUTE));
      IntVector odd = bits.lanewise(LSHR, 16).and(1);
      Vector<Short> rounded =
          bits.add(0x7fff).add(odd).lanewise(LSHR, 16).convertShape(I2S, SHORTS, 0);
      rounded.reinterpretAsBytes().intoArray(dst, dstOffset + 2 * i);
    }
    int done = hasNaN(largest) ? 0 : bound;
    scalar.encodeBf16(src, srcOffset + done, dst, dstOffset + 2 * done, length - done);
  }

  @Override
  public void decodeBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      bf16(src, srcOffset + 2 * i).intoArray(dst, dstOffset + i);
    }
    scalar.decodeBf16(src, srcOffset + 2 * bound, dst, dstOffset + bound, length - bound);
  }

  @Override
  public void addBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    int bound = FLOATS.loopBound(length);
    FloatVector total = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += LANES) {
      total = total.add(add(dst, dstOffset + i, bf16(src, srcOffset + 2 * i)));
    }
    oneNaN(dst, dstOffset, bound, total);
    scalar.addBf16(src, srcOffset + 2 * bound, dst, dstOffset + bound, length - bound);
  }

  @Override
  public void addFp32(byte[] src, int srcOffset, float[] dst, int dstOffset, int length) {
    int bound = FLOATS.loopBound(length);
    FloatVector total = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector values =
          ByteVector.fromArray(FLOAT_BYTES, src, srcOffset + 4 * i).reinterpretAsFloats();
      total = total.add(add(dst, dstOffset + i, values));
    }
    oneNaN(dst, dstOffset, bound, total);
    scalar.addFp32(src, srcOffset + 4 * bound, dst, dstOffset + bound, length - bound);
  }

  @Override
  public int largestBits(float[] src, int offset, int length) {
    int bound = FLOATS.loopBound(length);
    IntVector largest = IntVector.zero(INTS);
    for (int i = 0; i < bound; i += LANES) {
      largest = largest.max(absolute(src, offset + i));
    }
    int rest = scalar.largestBits(src, offset + bound, length - bound);
    return Math.max(largest.reduceLanes(MAX), rest);
  }

  @Override
  public void quantize8(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      put(codes(src, srcOffset + i, inverse), dst, dstOffset + i);
    }
    scalar.quantize8(src, srcOffset + bound, dst, dstOffset + bound, length - bound, inverse);
  }

  @Override
  public void dequantize8(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      scaled(bytes(src, srcOffset + i), scale).intoArray(dst, dstOffset + i);
    }
    scalar.dequantize8(src, srcOffset + bound, dst, dstOffset + bound, length - bound, scale);
  }

  @Override
  public void addDequantized8(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int bound = FLOATS.loopBound(length);
    FloatVector total = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += LANES) {
      total = total.add(add(dst, dstOffset + i, scaled(bytes(src, srcOffset + i), scale)));
    }
    oneNaN(dst, dstOffset, bound, total);
    scalar.addDequantized8(src, srcOffset + bound, dst, dstOffset + bound, length - bound, scale);
  }

  @Override
  public void quantize4(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    if (!isWholeVectorsOfPairs(length)) {
      scalar.quantize4(src, srcOffset, dst, dstOffset, length, inverse);
      return;
    }
    int half = length / 2;
    for (int i = 0; i < half; i += LANES) {
      IntVector low = codes(src, srcOffset + i, inverse).and(0xf);
      IntVector high = codes(src, srcOffset + half + i, inverse).lanewise(LSHL, 4);
      put(low.or(high), dst, dstOffset + i);
    }
  }

  @Override
  public void dequantize4(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    if (!isWholeVectorsOfPairs(length)) {
      scalar.dequantize4(src, srcOffset, dst, dstOffset, length, scale);
      return;
    }
    int half = length / 2;
    for (int i = 0; i < half; i += LANES) {
      IntVector codes = bytes(src, srcOffset + i);
      scaled(low(codes), scale).intoArray(dst, dstOffset + i);
      scaled(high(codes), scale).intoArray(dst, dstOffset + half + i);
    }
  }

  @Override
  public void addDequantized4(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    if (!isWholeVectorsOfPairs(length)) {
      scalar.addDequantized4(src, srcOffset, dst, dstOffset, length, scale);
      return;
    }
    // One site that adds, not one for low and one for high halves: C2 stops inlining at a number of
    // nodes, and what it does not inline boxes its vectors, at a tenth of the speed.
    for (int part = 0; part < 2; part++) {
      addHalves(src, srcOffset, dst, dstOffset + part * (length / 2), length / 2, scale, part);
    }
  }

  @Override
  public void quantizeE4m3(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      IntVector bits =
          FloatVector.fromArray(FLOATS, src, srcOffset + i).mul(inverse).reinterpretAsInts();
      IntVector absolute = bits.and(ScalarKernels.ABSOLUTE);
      IntVector odd = absolute.lanewise(LSHR, 20).and(1);
      IntVector normal =
          absolute.add(0x7ffff).add(odd).lanewise(LSHR, 20).sub(ScalarKernels.E4M3_BIAS);
      IntVector subnormal =
          absolute
              .reinterpretAsFloats()
              .mul(ScalarKernels.E4M3_STEPS)
              .add(ScalarKernels.ROUNDING)
              .reinterpretAsInts()
              .and(0xf);
      IntVector codes = select(isSubnormal(absolute), subnormal, normal);
      put(codes.or(bits.lanewise(LSHR, 24).and(0x80)), dst, dstOffset + i);
    }
    scalar.quantizeE4m3(src, srcOffset + bound, dst, dstOffset + bound, length - bound, inverse);
  }

  @Override
  public void dequantizeE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      e4m3(src, srcOffset + i).mul(scale).intoArray(dst, dstOffset + i);
    }
    scalar.dequantizeE4m3(src, srcOffset + bound, dst, dstOffset + bound, length - bound, scale);
  }

  @Override
  public void addDequantizedE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    int bound = FLOATS.loopBound(length);
    FloatVector total = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += LANES) {
      FloatVector values = e4m3(src, srcOffset + i).mul(scale);
      total = total.add(add(dst, dstOffset + i, values));
    }
    oneNaN(dst, dstOffset, bound, total);
    int rest = length - bound;
    scalar.addDequantizedE4m3(src, srcOffset + bound, dst, dstOffset + bound, rest, scale);
  }

  @Override
  public void packSigns(float[] src, int srcOffset, byte[] dst, int dstOffset, int length) {
    if (!isWholeVectorsOfSigns(length)) {
      scalar.packSigns(src, srcOffset, dst, dstOffset, length);
      return;
    }
    int columns = length / 8;
    for (int j = 0; j < columns; j += LANES) {
      IntVector packed = IntVector.zero(INTS);
      for (int k = 0; k < 8; k++) {
        IntVector bits =
            FloatVector.fromArray(FLOATS, src, srcOffset + k * columns + j).reinterpretAsInts();
        packed = packed.or(bits.lanewise(LSHR, 31).lanewise(LSHL, k));
      }
      put(packed, dst, dstOffset + j);
    }
  }

  @Override
  public void unpackSigns(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    if (!isWholeVectorsOfSigns(length)) {
      scalar.unpackSigns(src, srcOffset, dst, dstOffset, length, scale);
      return;
    }
    int columns = length / 8;
    for (int bit = 0; bit < 8; bit++) {
      for (int j = 0; j < columns; j += LANES) {
        int i = dstOffset + bit * columns + j;
        signed(bytes(src, srcOffset + j), bit, scale).intoArray(dst, i);
      }
    }
  }

  @Override
  public void addSigns(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale) {
    if (!isWholeVectorsOfSigns(length)) {
      scalar.addSigns(src, srcOffset, dst, dstOffset, length, scale);
      return;
    }
    int columns = length / 8;
    // One loop, not one in another: C2 boxes a vector that is carried through both.
    FloatVector total = FloatVector.zero(FLOATS);
    int bit = 0;
    int column = 0;
    for (int i = 0; i < length; i += LANES) {
      FloatVector values = signed(bytes(src, srcOffset + column), bit, scale);
      total = total.add(add(dst, dstOffset + i, values));
      column += LANES;
      if (column == columns) {
        column = 0;
        bit++;
      }
    }
    oneNaN(dst, dstOffset, length, total);
  }

  @Override
  public float dot(float[] a, int aOffset, float[] b, int bOffset, int length) {
    int bound = length - length % SUMS;
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += SUMS) {
      low = low.add(product(a, aOffset + i, b, bOffset + i));
      if (LANES < SUMS) {
        high = high.add(product(a, aOffset + i + LANES, b, bOffset + i + LANES));
      }
    }
    return ScalarKernels.sum(
        total(low, high), ScalarKernels.rest(a, aOffset, b, bOffset, bound, length));
  }

  @Override
  public void addScaled(
      float[] src, int srcOffset, float[] dst, int dstOffset, int length, float factor) {
    int bound = FLOATS.loopBound(length);
    for (int i = 0; i < bound; i += LANES) {
      add(dst, dstOffset + i, FloatVector.fromArray(FLOATS, src, srcOffset + i).mul(factor));
    }
    scalar.addScaled(src, srcOffset + bound, dst, dstOffset + bound, length - bound, factor);
  }

  @Override
  public void oneNaN(float[] values, int offset, int length) {
    if (largestBits(values, offset, length) > ScalarKernels.INFINITY) {
      scalar.oneNaN(values, offset, length);
    }
  }

  @Override
  public float absoluteSum(float[] src, int offset, int length, float factor) {
    int bound = length - length % SUMS;
    // Made before the loop: within it, C2 boxed vectors where one of 256 bits has half of the sums.
    FloatVector scale = FloatVector.broadcast(FLOATS, factor);
    FloatVector low = FloatVector.zero(FLOATS);
    FloatVector high = FloatVector.zero(FLOATS);
    for (int i = 0; i < bound; i += SUMS) {
      low = low.add(FloatVector.fromArray(FLOATS, src, offset + i).abs().mul(scale));
      if (LANES < SUMS) {
        high = high.add(FloatVector.fromArray(FLOATS, src, offset + i + LANES).abs().mul(scale));
      }
    }
    return total(low, high)
        + ScalarKernels.absoluteRest(src, offset + bound, length - bound, factor);
  }

  @Override
  public int countReaching(float[] src, int offset, int length, int limit) {
    int bound = FLOATS.loopBound(length);
    IntVector below = IntVector.zero(INTS);
    for (int i = 0; i < bound; i += LANES) {
      below = below.add(absolute(src, offset + i).sub(limit).lanewise(ASHR, 31));
    }
    int reaching = bound + below.reduceLanes(ADD);
    return reaching + scalar.countReaching(src, offset + bound, length - bound, limit);
  }

  @Override
  public void findReaching(float[] src, int offset, int length, int bound, int[] places) {
    int found = 0;
    int whole = FLOATS.loopBound(length);
    for (int i = 0; found < places.length; i += LANES) {
      int count = Math.min(LANES, length - i);
      if (i == whole || absolute(src, offset + i).compare(GE, bound).anyTrue()) {
        for (int j = i; j < i + count; j++) {
          if ((Float.floatToRawIntBits(src[offset + j]) & ScalarKernels.ABSOLUTE) >= bound) {
            places[found++] = j;
          }
        }
      }
    }
  }

  /** So is every block but a range's last and those that end with zeros. */
  private static boolean isWholeVectorsOfSigns(int length) {
    return length % (8 * LANES) == 0;
  }

  /** So is every block but a range's last. */
  private static boolean isWholeVectorsOfPairs(int length) {
    return length % (2 * LANES) == 0;
  }

  private static FloatVector product(float[] a, int aOffset, float[] b, int bOffset) {
    return FloatVector.fromArray(FLOATS, a, aOffset).mul(FloatVector.fromArray(FLOATS, b, bOffset));
  }

  /** Of 16 sums, in one vector or two; vectors' own reduction has no order. */
  private static float total(FloatVector low, FloatVector high) {
    float even = quarter(low, high, 0) + quarter(low, high, 2);
    float odd = quarter(low, high, 1) + quarter(low, high, 3);
    return even + odd;
  }

  private static float quarter(FloatVector low, FloatVector high, int j) {
    return LANES == SUMS
        ? (low.lane(j) + low.lane(j + 8)) + (low.lane(j + 4) + low.lane(j + 12))
        : (low.lane(j) + high.lane(j)) + (low.lane(j + 4) + high.lane(j + 4));
  }

  private static IntVector absolute(float[] src, int offset) {
    return FloatVector.fromArray(FLOATS, src, offset)
        .reinterpretAsInts()
        .and(ScalarKernels.ABSOLUTE);
  }

  private static FloatVector bf16(byte[] src, int offset) {
    Vector<Integer> bits =
        ByteVector.fromArray(SHORT_BYTES, src, offset)
            .reinterpretAsShorts()
            .convertShape(S2I, INTS, 0);
    return ((IntVector) bits).lanewise(LSHL, 16).reinterpretAsFloats();
  }

  private static IntVector codes(float[] src, int offset, float inverse) {
    return FloatVector.fromArray(FLOATS, src, offset)
        .mul(inverse)
        .add(ScalarKernels.ROUNDING)
        .reinterpretAsInts();
  }

  private static IntVector bytes(byte[] src, int offset) {
    return (IntVector) ByteVector.fromArray(BYTES, src, offset).convertShape(B2I, INTS, 0);
  }

  private static void put(IntVector codes, byte[] dst, int offset) {
    ((ByteVector) codes.convertShape(I2B, BYTES, 0)).intoArray(dst, offset);
  }

  /** Adds the low (part 0) or high (part 1) halves of bytes. */
  private void addHalves(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale, int part) {
    int left = 28 - 4 * part;
    FloatVector total = FloatVector.zero(FLOATS);
    for (int i = 0; i < length; i += LANES) {
      IntVector codes = bytes(src, srcOffset + i).lanewise(LSHL, left).lanewise(ASHR, 28);
      total = total.add(add(dst, dstOffset + i, scaled(codes, scale)));
    }
    oneNaN(dst, dstOffset, length, total);
  }

  private static FloatVector e4m3(byte[] src, int offset) {
    IntVector codes = bytes(src, offset);
    IntVector magnitude = codes.and(0x7f);
    IntVector normal = magnitude.add(ScalarKernels.E4M3_BIAS).lanewise(LSHL, 20);
    IntVector subnormal =
        ((FloatVector) magnitude.convertShape(I2F, FLOATS, 0))
            .mul(1 / ScalarKernels.E4M3_STEPS)
            .reinterpretAsInts();
    IntVector isSubnormal = magnitude.sub(8).lanewise(ASHR, 31);
    return select(isSubnormal, subnormal, normal)
        .or(codes.and(0x80).lanewise(LSHL, 24))
        .reinterpretAsFloats();
  }

  /** All ones where values are below E4M3's smallest normal number, else zero. */
  private static IntVector isSubnormal(IntVector absolute) {
    return absolute.sub(ScalarKernels.E4M3_NORMAL).lanewise(ASHR, 31);
  }

  /** Of a where a lane of the mask is all ones, of b where it is zero. */
  private static IntVector select(IntVector mask, IntVector a, IntVector b) {
    return a.and(mask).or(b.and(mask.not()));
  }

  private static IntVector low(IntVector codes) {
    return codes.lanewise(LSHL, 28).lanewise(ASHR, 28);
  }

  private static IntVector high(IntVector codes) {
    return codes.lanewise(ASHR, 4);
  }

  private static FloatVector scaled(IntVector codes, float scale) {
    return ((FloatVector) codes.convertShape(I2F, FLOATS, 0)).mul(scale);
  }

  private static FloatVector signed(IntVector bits, int bit, float scale) {
    return bits.lanewise(LSHR, bit)
        .lanewise(LSHL, 31)
        .lanewise(XOR, Float.floatToRawIntBits(scale))
        .reinterpretAsFloats();
  }

  private static FloatVector add(float[] dst, int offset, FloatVector values) {
    FloatVector sum = FloatVector.fromArray(FLOATS, dst, offset).add(values);
    sum.intoArray(dst, offset);
    return sum;
  }

  // JDK 17 keeps masks as vectors, so one in the loop that looks for NaN is dear. It is looked for
  // once behind the loop, in something that is NaN if any value was: the largest bits without sign,
  // or the total of all sums.

  private static boolean hasNaN(IntVector largest) {
    return largest.reduceLanes(MAX) > ScalarKernels.INFINITY;
  }

  /** A total may also be NaN for infinities' sake; then nothing is to be replaced. */
  private void oneNaN(float[] dst, int offset, int length, FloatVector total) {
    if (hasNaN(total.reinterpretAsInts().and(ScalarKernels.ABSOLUTE))) {
      scalar.oneNaN(dst, offset, length);
    }
  }
}
