package io.moraine.model.collective.codec;

import java.nio.ByteBuffer;
import java.util.List;
import java.util.stream.Collectors;

/**
 * Writes ranges of float32 as bytes and back; without state, so any number of threads may use one.
 *
 * <p>Everybody who decodes the same bytes gets the same bits. A value that is not finite stays
 * recognisable: what is decoded in its place (its whole block, for block codecs) is not finite.
 */
public sealed interface GradientCodec permits Fp32Codec, Bf16Codec, BlockCodec {

  /** Elements that go through an array at once where a buffer has none; whole blocks of 256. */
  int PIECE = 4096;

  /** All codecs. */
  static List<GradientCodec> all() {
    return Kernels.chosen().codecs();
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

  /** Bytes that {@link #encode} writes for this many elements. */
  int encodedBytes(int elements);

  /**
   * Encodes a range into {@link #encodedBytes} bytes from {@code dstOffset} on.
   *
   * @cost no allocation
   */
  void encode(float[] src, int srcOffset, byte[] dst, int dstOffset, int elements);

  /**
   * Decodes a range from {@link #encodedBytes} bytes.
   *
   * @cost no allocation
   */
  void decode(byte[] src, int srcOffset, float[] dst, int dstOffset, int elements);

  /**
   * Decodes a range and adds it to what is there; a sum that is NaN becomes {@link Float#NaN}.
   *
   * @cost no allocation
   */
  void decodeAdd(byte[] src, int srcOffset, float[] dst, int dstOffset, int elements);

  /**
   * Encodes a range.
   *
   * @param dst of any kind and byte order, with room for {@link #encodedBytes}; its position moves
   */
  default void encode(float[] src, int srcOffset, int elements, ByteBuffer dst) {
    if (dst.hasArray()) {
      encode(src, srcOffset, dst.array(), dst.arrayOffset() + dst.position(), elements);
      dst.position(dst.position() + encodedBytes(elements));
      return;
    }
    byte[] bytes = new byte[encodedBytes(Math.min(PIECE, elements))];
    for (int from = 0; from < elements; from += PIECE) {
      int count = Math.min(PIECE, elements - from);
      encode(src, srcOffset + from, bytes, 0, count);
      dst.put(bytes, 0, encodedBytes(count));
    }
  }

  /**
   * Decodes a range.
   *
   * @param src of any kind and byte order, holding {@link #encodedBytes}; its position moves
   */
  default void decode(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    if (src.hasArray()) {
      decode(src.array(), src.arrayOffset() + src.position(), dst, dstOffset, elements);
      src.position(src.position() + encodedBytes(elements));
      return;
    }
    byte[] bytes = new byte[encodedBytes(Math.min(PIECE, elements))];
    for (int from = 0; from < elements; from += PIECE) {
      int count = Math.min(PIECE, elements - from);
      src.get(bytes, 0, encodedBytes(count));
      decode(bytes, 0, dst, dstOffset + from, count);
    }
  }

  /**
   * Decodes a range and adds it to what is there; a sum that is NaN becomes {@link Float#NaN}.
   *
   * @param src of any kind and byte order, holding {@link #encodedBytes}; its position moves
   */
  default void decodeAdd(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    if (src.hasArray()) {
      decodeAdd(src.array(), src.arrayOffset() + src.position(), dst, dstOffset, elements);
      src.position(src.position() + encodedBytes(elements));
      return;
    }
    byte[] bytes = new byte[encodedBytes(Math.min(PIECE, elements))];
    for (int from = 0; from < elements; from += PIECE) {
      int count = Math.min(PIECE, elements - from);
      src.get(bytes, 0, encodedBytes(count));
      decodeAdd(bytes, 0, dst, dstOffset + from, count);
    }
  }
}
