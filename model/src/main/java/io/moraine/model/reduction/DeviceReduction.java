package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * A reduce-scatter through a block codec of gradients in a device's memory: they are encoded there,
 * bucket by bucket, and their bytes alone come to the host. The same results as {@link
 * CodedReduction}, bit for bit.
 */
final class DeviceReduction implements GradientReduction {

  private final Communicator communicator;
  private final Buckets buckets;
  private final FlatBuffer gradients;
  private final GradientCodec codec;
  private final TensorBlocks blocks;
  private final Optional<TensorFeedback> feedback;
  private byte[] bytes = new byte[0];

  private DeviceReduction(
      Communicator communicator,
      Buckets buckets,
      FlatBuffer gradients,
      ReductionConfig.Coded config,
      TensorBlocks blocks) {
    this.communicator = communicator;
    this.buckets = buckets;
    this.gradients = gradients;
    this.codec = config.codec();
    this.blocks = blocks;
    this.feedback =
        config.hasFeedback()
            ? Optional.of(new TensorFeedback(gradients, buckets.length()))
            : Optional.empty();
  }

  /**
   * If gradients are on a device, the codec has a form for it and ranks do not first add up what
   * their host has, in float32.
   */
  static Optional<DeviceReduction> of(
      Communicator communicator,
      Buckets buckets,
      Gradients gradients,
      ReductionConfig.Coded config) {
    Optional<TensorBlocks> blocks = TensorBlocks.of(config.codec());
    return communicator.isByHosts()
        ? Optional.empty()
        : gradients
            .onDevice()
            .flatMap(
                there ->
                    blocks.map(
                        form -> new DeviceReduction(communicator, buckets, there, config, form)));
  }

  @Override
  public void reduce(int bucket, float[] sum) {
    ShardLayout layout = buckets.get(bucket);
    int length = Math.toIntExact(layout.length());
    encode(layout.start(), length);
    float[] shardSum = new float[layout.size(communicator.rank())];
    communicator.reduceScatter(
        (from, count, dst) ->
            dst.put(
                bytes,
                blocks.encodedBytes(Math.toIntExact(from - layout.start())),
                blocks.encodedBytes(count)),
        layout,
        codec,
        shardSum);
    int place = buckets.place(bucket, communicator.rank());
    System.arraycopy(shardSum, 0, sum, place, shardSum.length);
  }

  private void encode(long start, int length) {
    int size = blocks.encodedBytes(length);
    bytes = bytes.length == size ? bytes : new byte[size];
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor values = gradients.onDevice(start, length).orElseThrow();
      Tensor encoded =
          feedback.isPresent()
              ? feedback.get().encode(blocks, values, start)
              : blocks.encode(values).bytes();
      gradients.staging().orElseThrow().get(encoded, bytes);
    }
  }

  @Override
  public List<StateTensor> state() {
    return feedback.<List<StateTensor>>map(List::of).orElseGet(List::of);
  }

  @Override
  public void close() {
    feedback.ifPresent(TensorFeedback::close);
  }
}
