package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.codec.GradientCodec;
import java.nio.ByteBuffer;

/**
 * A codec between arrays and the memory that sockets take. Codecs work on arrays, which is what
 * vectors are fast on; their bytes are copied once more, which is little of what they make. Float32
 * itself goes straight from an array to a socket's memory and back.
 */
final class ChunkCoder {

  /** Elements that are added at a time; their bytes stay in the first-level cache. */
  private static final int ADDED = 1 << 11;

  private final GradientCodec codec;
  private final byte[] scratch;

  /** For chunks of at most {@link Wire#CHUNK} elements. */
  ChunkCoder(GradientCodec codec) {
    this.codec = codec;
    this.scratch = new byte[codec.encodedBytes(codec.isVerbatim() ? ADDED : Wire.CHUNK)];
  }

  /** Bytes of so many elements, at most. */
  int encodedBytes(int elements) {
    return codec.encodedBytes(elements);
  }

  void encode(float[] src, int srcOffset, ByteBuffer dst, int elements) {
    if (codec.isVerbatim()) {
      dst.asFloatBuffer().put(src, srcOffset, elements);
      dst.position(dst.position() + codec.encodedBytes(elements));
    } else {
      dst.put(scratch, 0, codec.encode(src, srcOffset, scratch, 0, elements));
    }
  }

  /** Puts what somebody else encodes. */
  void encode(ArrayWriter writer, ByteBuffer dst, int elements) {
    byte[] bytes = codec.isVerbatim() ? new byte[codec.encodedBytes(elements)] : scratch;
    dst.put(bytes, 0, writer.write(bytes));
  }

  void decode(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    if (codec.isVerbatim()) {
      DamagedPayloadException.requireLength(codec, src.remaining(), elements);
      src.asFloatBuffer().get(dst, dstOffset, elements);
    } else {
      int length = src.remaining();
      src.get(scratch, 0, length);
      codec.decode(scratch, 0, length, dst, dstOffset, elements);
    }
  }

  void decodeAdd(ByteBuffer src, float[] dst, int dstOffset, int elements) {
    if (!codec.isVerbatim()) {
      int length = src.remaining();
      src.get(scratch, 0, length);
      codec.decodeAdd(scratch, 0, length, dst, dstOffset, elements);
      return;
    }
    DamagedPayloadException.requireLength(codec, src.remaining(), elements);
    for (int at = 0; at < elements; at += ADDED) {
      int count = Math.min(ADDED, elements - at);
      int length = codec.encodedBytes(count);
      src.get(scratch, 0, length);
      codec.decodeAdd(scratch, 0, length, dst, dstOffset + at, count);
    }
  }

  /** Adds what others decode of these values. */
  void encodeAdd(float[] src, int srcOffset, float[] dst, int dstOffset, int elements) {
    int step = codec.isVerbatim() ? ADDED : Wire.CHUNK;
    for (int at = 0; at < elements; at += step) {
      int count = Math.min(step, elements - at);
      int length = codec.encode(src, srcOffset + at, scratch, 0, count);
      codec.decodeAdd(scratch, 0, length, dst, dstOffset + at, count);
    }
  }

  /** Writes a chunk's bytes from an array's beginning on; returns how many. */
  @FunctionalInterface
  interface ArrayWriter {
    int write(byte[] dst);
  }
}
