package io.moraine.model.collective.codec;

import io.moraine.model.collective.codec.BlockCodec.Code;
import java.util.List;
import java.util.Optional;

/**
 * The loops of the codecs, in two forms that give the same bits for every input: {@link
 * ScalarKernels} and, on {@code jdk.incubator.vector}, VectorKernels.
 *
 * <p>The same bits because both do per element what Java defines exactly (a product, then a sum,
 * each rounded; never fused, never reordered over elements but as the operation says), because
 * maxima are those of integers, and because a sum that is NaN becomes {@link Float#NaN}, whichever
 * NaN the processor would give.
 *
 * <p>Bytes are little-endian, offsets count what their array has, {@code length} counts elements.
 */
interface Kernels extends Products {

  /** Below as many lanes the scalar form is as fast. */
  int FEWEST_LANES = 8;

  /** Its name: {@code scalar} or {@code vector}. */
  String name();

  /** Elements that this processor works on at once. */
  int lanes();

  /** Rounds to bfloat16, to nearest, ties to even; a NaN stays one. */
  void encodeBf16(float[] src, int srcOffset, byte[] dst, int dstOffset, int length);

  /** Widens bfloat16. */
  void decodeBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length);

  /** Widens bfloat16 and adds. */
  void addBf16(byte[] src, int srcOffset, float[] dst, int dstOffset, int length);

  /** Adds float32. */
  void addFp32(byte[] src, int srcOffset, float[] dst, int dstOffset, int length);

  /** The largest of the values' bits without their signs; 0 for no values. */
  int largestBits(float[] src, int offset, int length);

  /**
   * Multiplies and rounds to one signed byte a value, ties to even.
   *
   * @param inverse finite; no product may lie outside of [-127.5, 127.5)
   */
  void quantize8(float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse);

  /** Multiplies codes of a byte; {@code scale} is finite. */
  void dequantize8(byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /** Multiplies codes of a byte and adds; {@code scale} is finite. */
  void addDequantized8(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /**
   * Multiplies and rounds to half a signed byte a value, ties to even; as {@link BlockCodec} lays
   * them out.
   *
   * @param inverse finite; no product may lie outside of [-7.5, 7.5)
   */
  void quantize4(float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse);

  /** Multiplies codes of half a byte; {@code scale} is finite. */
  void dequantize4(byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /** Multiplies codes of half a byte and adds; {@code scale} is finite. */
  void addDequantized4(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /**
   * Multiplies and rounds to E4M3, a byte a value, ties to even.
   *
   * @param inverse finite; no product may lie beyond 448 by more than its rounding
   */
  void quantizeE4m3(
      float[] src, int srcOffset, byte[] dst, int dstOffset, int length, float inverse);

  /**
   * Multiplies E4M3 values; {@code scale} is finite. All ones, its NaN, is never sent and counts as
   * 480.
   */
  void dequantizeE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /** Multiplies E4M3 values and adds; {@code scale} is finite. */
  void addDequantizedE4m3(
      byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /** Packs signs, a bit a value; as {@link SignCodec} lays them out. */
  void packSigns(float[] src, int srcOffset, byte[] dst, int dstOffset, int length);

  /** Gives {@code scale}, which is finite, the signs of bits. */
  void unpackSigns(byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /** Gives {@code scale}, which is finite, the signs of bits and adds. */
  void addSigns(byte[] src, int srcOffset, float[] dst, int dstOffset, int length, float scale);

  /**
   * The sum of absolute values times a factor, in {@link #SUMS} sums as a {@link #dot}.
   *
   * @param factor such that nothing overflows; values are finite
   */
  float absoluteSum(float[] src, int offset, int length, float factor);

  /**
   * Counts values that reach a bound.
   *
   * @param bound of the values' bits without their signs; above 0
   */
  int countReaching(float[] src, int offset, int length, int bound);

  /**
   * Finds the same values.
   *
   * @param places gets them, from {@code offset} on; has room for all
   */
  void findReaching(float[] src, int offset, int length, int bound, int[] places);

  /** All codecs of gradients without settings, on these kernels. */
  default List<GradientCodec> codecs() {
    return List.of(
        new Fp32Codec(this),
        new Bf16Codec(this),
        new BlockCodec(Code.INT8, GradientCodec.BLOCK, this),
        new BlockCodec(Code.INT4, GradientCodec.BLOCK, this),
        new SignCodec(this));
  }

  /** E4M3 in blocks of a number of elements, on these kernels. */
  default GradientCodec fp8(int block) {
    return new BlockCodec(Code.FP8, block, this);
  }

  /** Plain loops, for every JVM. */
  static Kernels scalar() {
    return Choice.SCALAR;
  }

  /** Vectors, where the JVM has {@code jdk.incubator.vector}. */
  static Optional<Kernels> vector() {
    return Choice.VECTOR;
  }

  /** Vectors where they are faster, else plain loops; the same for the life of the JVM. */
  static Kernels chosen() {
    return Choice.CHOSEN;
  }

  /** Made once. */
  final class Choice {

    private static final String MODULE = "jdk.incubator.vector";
    private static final Kernels SCALAR = new ScalarKernels();
    private static final Optional<Kernels> VECTOR =
        ModuleLayer.boot().findModule(MODULE).map(present -> load());
    private static final Kernels CHOSEN =
        VECTOR.filter(vector -> vector.lanes() >= FEWEST_LANES).orElse(SCALAR);

    private Choice() {}

    /** By name: where the module is absent the class must not be touched, nor compiled against. */
    private static Kernels load() {
      String name = Kernels.class.getPackageName() + ".VectorKernels";
      try {
        return Class.forName(name).asSubclass(Kernels.class).getDeclaredConstructor().newInstance();
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(
            name + " cannot be loaded though " + MODULE + " is there", e);
      }
    }
  }
}
