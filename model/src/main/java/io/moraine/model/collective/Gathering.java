package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.codec.GradientCodec;
import java.nio.ByteBuffer;

/** What a rank gives to an all-gather, in chunks, and what becomes of everybody's. */
interface Gathering {

  /** Bytes of so many elements, at most. */
  int encodedBytes(int elements);

  /** Writes the bytes of elements of this rank's shard. */
  void give(int fromOfShard, int length, ByteBuffer dst);

  /** Reads the bytes of elements of any shard, this rank's too. */
  void take(long toElement, int length, ByteBuffer src);

  /** Of values. */
  static Gathering of(float[] shard, GradientCodec codec, FloatWriter output) {
    ChunkCoder coder = new ChunkCoder(codec);
    float[] chunk = new float[Wire.CHUNK];
    return new Gathering() {
      @Override
      public int encodedBytes(int elements) {
        return coder.encodedBytes(elements);
      }

      @Override
      public void give(int from, int length, ByteBuffer dst) {
        coder.encode(shard, from, dst, length);
      }

      @Override
      public void take(long to, int length, ByteBuffer src) {
        coder.decode(src, chunk, 0, length);
        output.write(to, chunk, 0, length);
      }
    };
  }

  /**
   * Of what somebody else has encoded and will decode.
   *
   * @param start first element of this rank's shard
   */
  static Gathering of(ByteReader encoded, long start, GradientCodec codec, ByteWriter output) {
    return new Gathering() {
      @Override
      public int encodedBytes(int elements) {
        return codec.encodedBytes(elements);
      }

      @Override
      public void give(int from, int length, ByteBuffer dst) {
        encoded.read(start + from, length, dst);
      }

      @Override
      public void take(long to, int length, ByteBuffer src) {
        DamagedPayloadException.requireLength(codec, src.remaining(), length);
        output.write(to, length, src);
      }
    };
  }
}
