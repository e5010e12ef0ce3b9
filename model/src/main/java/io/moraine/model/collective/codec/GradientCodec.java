package io.moraine.model.collective.codec;

import java.util.List;
import java.util.stream.Collectors;

/**
 * Writes ranges of float32 as bytes and back, of gradients, weights and rows of tokens; without
 * state, so any number of threads may use one.
 *
 * <p>Everybody who decodes the same bytes gets the same bits. A value that is not finite stays
 * recognisable: what is decoded in its place (its whole block, for block codecs) is not finite. Of
 * top-k as many as it sends: if more are not finite, the others become zero.
 */
public sealed interface GradientCodec
    permits Fp32Codec, Bf16Codec, BlockCodec, SignCodec, TopKCodec {

  /**
   * Elements of a block: those under one scale of int8, int4 and sign. Tensors and shards begin at
   * multiples of it, so that no block has elements of two.
   */
  int BLOCK = 256;

  /** Most elements under one scale of {@link #fp8}. */
  int FP8_TILE = 128;

  /** Fewest: a scale takes 4 bytes. */
  int FP8_SMALLEST_TILE = 16;

  /** All codecs of gradients that have no settings. */
  static List<GradientCodec> all() {
    return Kernels.chosen().codecs();
  }

  /**
   * The largest elements of each range.
   *
   * @param share of the elements; in (0, 1]
   */
  static GradientCodec topK(double share) {
    return new TopKCodec(share, Kernels.chosen());
  }

  /**
   * E4M3 with a scale for each tile of a row: the largest divisor of a row's length up to 128.
   *
   * @param row elements of a row, which ranges begin with
   * @throws IllegalArgumentException if no tile of 16 elements or more divides it
   */
  static GradientCodec fp8(int row) {
    int tile = Math.min(FP8_TILE, row);
    while (tile >= FP8_SMALLEST_TILE && row % tile != 0) {
      tile--;
    }
    if (tile < FP8_SMALLEST_TILE) {
      throw new IllegalArgumentException(
          "fp8 needs rows that tiles of %d to %d elements divide, got %d elements"
              .formatted(FP8_SMALLEST_TILE, FP8_TILE, row));
    }
    return Kernels.chosen().fp8(tile);
  }

  /** What this JVM encodes and decodes with: {@code vector} or {@code scalar}. */
  static String kernels() {
    return Kernels.chosen().name();
  }

  /**
   * The codec of a name.
   *
   * @throws IllegalArgumentException if there is none of this name; the message lists them
   */
  static GradientCodec of(String name) {
    return all().stream()
        .filter(codec -> codec.name().equals(name))
        .findFirst()
        .orElseThrow(
            () ->
                new IllegalArgumentException(
                    "codec must be one of %s, got %s"
                        .formatted(
                            all().stream()
                                .map(GradientCodec::name)
                                .collect(Collectors.joining(", ")),
                            name)));
  }

  /** Its name in settings. */
  String name();

  /** Whether training needs error feedback with it. */
  boolean isCoarse();

  /** Whether its bytes are the values themselves, little-endian float32. */
  default boolean isVerbatim() {
    return false;
  }

  /** Elements that have something in common: ranges are cut at multiples of so many. */
  default int blockElements() {
    return 1;
  }

  /** Bytes that {@link #encode} writes for this many elements, or the most it may write. */
  int encodedBytes(int elements);

  /**
   * Encodes a range into at most {@link #encodedBytes} bytes from {@code dstOffset} on.
   *
   * @return bytes written
   * @cost no allocation but for top-k's choice
   */
  int encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements);

  /**
   * Decodes a range.
   *
   * @param srcLength what {@link #encode} returned, bytes
   * @throws DamagedPayloadException if these bytes cannot be that range's
   * @cost no allocation but for top-k's entries
   */
  void decode(byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements);

  /**
   * Decodes a range and adds it to what is there; a sum that is NaN becomes {@link Float#NaN}.
   *
   * @param srcLength what {@link #encode} returned, bytes
   * @throws DamagedPayloadException if these bytes cannot be that range's
   * @cost no allocation but for top-k's entries
   */
  void decodeAdd(
      byte[] src, int srcOffset, int srcLength, float[] dst, int dstOffset, int elements);
}
