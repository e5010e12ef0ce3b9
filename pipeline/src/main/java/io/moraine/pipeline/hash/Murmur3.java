package io.moraine.pipeline.hash;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;

/**
 * MurmurHash3 x64 128: fast, well distributed, not cryptographic. Digests of it are stored (ids,
 * exact duplicates, shingles); the algorithm must never change.
 *
 * @source Appleby, SMHasher, MurmurHash3_x64_128, 2011 (public domain reference)
 */
public final class Murmur3 {

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);
  private static final long C1 = 0x87c37b91114253d5L;
  private static final long C2 = 0x4cf5ad432745937fL;

  private Murmur3() {}

  /** Digest of a text's UTF-8 bytes with seed 0. */
  public static Hash128 hash128(String text) {
    byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
    return hash128(bytes, 0, bytes.length, 0);
  }

  /**
   * Digest of a range of bytes.
   *
   * @param seed an unsigned 32-bit number
   */
  public static Hash128 hash128(byte[] data, int offset, int length, long seed) {
    long h1 = seed;
    long h2 = seed;
    int blocks = length >>> 4;
    for (int block = 0; block < blocks; block++) {
      int at = offset + (block << 4);
      h1 ^= mixK1((long) LONG.get(data, at));
      h1 = (Long.rotateLeft(h1, 27) + h2) * 5 + 0x52dce729;
      h2 ^= mixK2((long) LONG.get(data, at + 8));
      h2 = (Long.rotateLeft(h2, 31) + h1) * 5 + 0x38495ab5;
    }
    int tail = offset + (blocks << 4);
    int rest = length & 15;
    if (rest > 8) {
      h2 ^= mixK2(partial(data, tail + 8, rest - 8));
    }
    if (rest > 0) {
      h1 ^= mixK1(partial(data, tail, Math.min(rest, 8)));
    }
    h1 ^= length;
    h2 ^= length;
    h1 += h2;
    h2 += h1;
    h1 = Mix64.murmurFinal(h1);
    h2 = Mix64.murmurFinal(h2);
    h1 += h2;
    h2 += h1;
    return new Hash128(h1, h2);
  }

  private static long mixK1(long k1) {
    return Long.rotateLeft(k1 * C1, 31) * C2;
  }

  private static long mixK2(long k2) {
    return Long.rotateLeft(k2 * C2, 33) * C1;
  }

  private static long partial(byte[] data, int offset, int length) {
    if (offset + 8 <= data.length) {
      return (long) LONG.get(data, offset) & -1L >>> 64 - 8 * length;
    }
    long value = 0;
    for (int i = length - 1; i >= 0; i--) {
      value = value << 8 | (data[offset + i] & 0xff);
    }
    return value;
  }
}
