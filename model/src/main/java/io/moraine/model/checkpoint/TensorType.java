package io.moraine.model.checkpoint;

import java.nio.ByteBuffer;

/** Types of elements in a safetensors file, named as there; ascending by what they sort after. */
public enum TensorType {
  /** IEEE half precision; read alone. */
  F16(2),
  /** bfloat16; written rounded to nearest, ties to even. */
  BF16(2),
  /** IEEE single precision. */
  F32(4),
  /** Signed integers. */
  I64(8);

  private final int bytes;

  TensorType(int bytes) {
    this.bytes = bytes;
  }

  /** Bytes an element takes. */
  public int bytes() {
    return bytes;
  }

  /** Reads {@code length} elements at the buffer's position as float32, exactly. */
  void readFloats(ByteBuffer src, float[] dst, int dstOffset, int length) {
    switch (this) {
      case F32 -> src.asFloatBuffer().get(dst, dstOffset, length);
      case BF16 -> {
        for (int i = 0; i < length; i++) {
          dst[dstOffset + i] = Float.intBitsToFloat(src.getShort() << 16);
        }
      }
      case F16 -> {
        for (int i = 0; i < length; i++) {
          dst[dstOffset + i] = half(src.getShort());
        }
      }
      case I64 -> throw new IllegalArgumentException("I64 is no type of float values");
    }
  }

  /** Writes {@code length} elements at the buffer's position. */
  void writeFloats(float[] src, int srcOffset, int length, ByteBuffer dst) {
    switch (this) {
      case F32 -> dst.asFloatBuffer().put(src, srcOffset, length);
      case BF16 -> {
        for (int i = 0; i < length; i++) {
          dst.putShort(roundedToBf16(src[srcOffset + i]));
        }
      }
      case F16, I64 -> throw new IllegalArgumentException(this + " is not written from floats");
    }
  }

  private static float half(short bits) {
    int sign = (bits & 0x8000) << 16;
    int exponent = bits >>> 10 & 0x1f;
    int fraction = bits & 0x3ff;
    if (exponent == 0) {
      float magnitude = fraction * 0x1p-24f;
      return sign == 0 ? magnitude : -magnitude;
    }
    int wide = exponent == 0x1f ? 0xff : exponent + 112;
    return Float.intBitsToFloat(sign | wide << 23 | fraction << 13);
  }

  private static short roundedToBf16(float value) {
    int bits = Float.floatToRawIntBits(value);
    if (Float.isNaN(value)) {
      return (short) (bits >>> 16 | 0x40);
    }
    return (short) (bits + 0x7fff + (bits >>> 16 & 1) >>> 16);
  }
}
