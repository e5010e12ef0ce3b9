package io.moraine.pipeline.tokenizer;

import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/** A short piece as numbers: its bytes from the lowest on, its length in the highest byte. */
final class PieceKey {

  private static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.LITTLE_ENDIAN);

  private static final long MULTIPLIER = 0x9e3779b97f4a7c15L;
  private static final long OTHER_MULTIPLIER = 0xd6e8feb86659fd93L;

  private PieceKey() {}

  /** At most 8 bytes from {@code at} to {@code to}; 0 if there are none. */
  static long load(byte[] text, int at, int to) {
    int length = to - at;
    if (length <= 0) {
      return 0;
    }
    if (at + 8 <= text.length) {
      long eight = (long) LONG.get(text, at);
      return length >= 8 ? eight : eight & (1L << 8 * length) - 1;
    }
    long value = 0;
    for (int i = Math.min(length, 8) - 1; i >= 0; i--) {
      value = value << 8 | text[at + i] & 0xff;
    }
    return value;
  }

  /** Mixes a key of two numbers; the upper bits depend on all bits. */
  static long hash(long head, long tail) {
    return (head ^ tail * OTHER_MULTIPLIER) * MULTIPLIER;
  }
}
