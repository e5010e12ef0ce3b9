package io.moraine.model.reduction;

import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.PinnedMemory;
import java.nio.ByteBuffer;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * How a codec's gradients leave a device: what is made of a bucket there, and how the wire's bytes
 * of a range are read from that on the host. The same bytes as the codec's.
 */
sealed interface DeviceForm permits DeviceForm.Blocks, TensorTopK {

  /** Of a reduction, if its codec has one. */
  static Optional<DeviceForm> of(ReductionConfig config) {
    if (config instanceof ReductionConfig.TopK topK) {
      return Optional.of(new TensorTopK(topK.share()));
    }
    return config instanceof ReductionConfig.Coded coded
        ? TensorCodec.of(coded.codec()).map(tensors -> new Blocks(coded.codec(), tensors))
        : Optional.empty();
  }

  /** What crosses the wire. */
  GradientCodec codec();

  /** Bytes that {@link #encode} makes of a bucket. */
  long bytes(ShardLayout bucket);

  /**
   * Encodes a bucket.
   *
   * @param values float32; one dimension, contiguous
   * @return uint8; one dimension; may be the same memory
   */
  Tensor encode(Tensor values, ShardLayout bucket);

  /**
   * What ranks decode of it.
   *
   * @return float32; one dimension; may be the same memory
   */
  Tensor decode(Tensor encoded, ShardLayout bucket);

  /**
   * Puts the codec's bytes of a range.
   *
   * @param encoded memory with the bucket's bytes from {@code at} on
   * @param from first element, of the whole; a range of the wire begins here
   */
  void put(
      PinnedMemory encoded, long at, ShardLayout bucket, long from, int length, ByteBuffer dst);

  /** Of codecs whose blocks do not depend on each other: the bytes are those of the wire. */
  record Blocks(GradientCodec codec, TensorCodec tensors) implements DeviceForm {

    @Override
    public long bytes(ShardLayout bucket) {
      return encodedBytes(bucket.length());
    }

    @Override
    public Tensor encode(Tensor values, ShardLayout bucket) {
      return tensors.encode(values);
    }

    @Override
    public Tensor decode(Tensor encoded, ShardLayout bucket) {
      return tensors.decode(encoded);
    }

    @Override
    public void put(
        PinnedMemory encoded, long at, ShardLayout bucket, long from, int length, ByteBuffer dst) {
      dst.put(encoded.bytes(at + encodedBytes(from - bucket.start()), codec.encodedBytes(length)));
    }

    /** Of whole blocks. */
    private long encodedBytes(long elements) {
      return elements / TensorCodec.BLOCK * codec.encodedBytes(TensorCodec.BLOCK);
    }
  }
}
