package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.PinnedMemory;
import java.util.List;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * A reduce-scatter through a codec of gradients in a device's memory: they are encoded there,
 * bucket by bucket, and their bytes alone come to the host; of one rank nothing does. The same
 * results as {@link CodedReduction}, bit for bit.
 */
final class DeviceReduction implements GradientReduction {

  private final Communicator communicator;
  private final Buckets buckets;
  private final FlatBuffer gradients;
  private final GradientCodec codec;
  private final TensorCodec tensors;
  private final Optional<TensorFeedback> feedback;

  /** Of each bucket the copy that is under way. */
  private final long[] copies;

  /** The encoded buckets one behind the other; from the first one on. */
  private Optional<PinnedMemory> encoded = Optional.empty();

  private DeviceReduction(
      Communicator communicator,
      Buckets buckets,
      FlatBuffer gradients,
      ReductionConfig.Coded config,
      TensorCodec tensors) {
    this.communicator = communicator;
    this.buckets = buckets;
    this.gradients = gradients;
    this.codec = config.codec();
    this.tensors = tensors;
    this.copies = new long[buckets.count()];
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
    Optional<TensorCodec> tensors = TensorCodec.of(config.codec());
    return communicator.isByHosts()
        ? Optional.empty()
        : gradients
            .onDevice()
            .flatMap(
                there ->
                    tensors.map(
                        form -> new DeviceReduction(communicator, buckets, there, config, form)));
  }

  @Override
  public void begin(int bucket) {
    if (communicator.worldSize() > 1) {
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        copies[bucket] = memory().fromDevice(encode(buckets.get(bucket)), at(bucket));
      }
    }
  }

  @Override
  public void reduce(int bucket, OwnedGradients sum) {
    ShardLayout layout = buckets.get(bucket);
    int shardOffset = buckets.shardOffset(bucket, communicator.rank());
    if (communicator.worldSize() == 1) {
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        Tensor there = sum.onDevice(shardOffset, Math.toIntExact(layout.length())).orElseThrow();
        there.zero_(); // as whoever adds up contributions: no zero is left with a sign
        there.add_(tensors.decode(encode(layout)));
      }
      return;
    }
    PinnedMemory memory = memory();
    memory.await(copies[bucket]);
    float[] shardSum = new float[layout.size(communicator.rank())];
    communicator.reduceScatter(
        (from, count, dst) ->
            dst.put(
                memory.bytes(
                    at(bucket) + encodedBytes(from - layout.start()), codec.encodedBytes(count))),
        layout,
        codec,
        shardSum);
    sum.put(shardOffset, shardSum, 0, shardSum.length);
  }

  private Tensor encode(ShardLayout layout) {
    Tensor values = gradients.onDevice(layout.start(), layout.length()).orElseThrow();
    return feedback.isPresent()
        ? feedback.get().encode(tensors, values, layout.start())
        : tensors.encode(values);
  }

  private synchronized PinnedMemory memory() {
    if (encoded.isEmpty()) {
      encoded =
          Optional.of(gradients.staging().orElseThrow().pinned(encodedBytes(buckets.length())));
    }
    return encoded.get();
  }

  private long at(int bucket) {
    return encodedBytes(buckets.get(bucket).start());
  }

  /** Of whole blocks. */
  private long encodedBytes(long elements) {
    return elements / TensorCodec.BLOCK * codec.encodedBytes(TensorCodec.BLOCK);
  }

  @Override
  public List<CarriedState> state() {
    return feedback.<List<CarriedState>>map(List::of).orElseGet(List::of);
  }

  @Override
  public void close() {
    feedback.ifPresent(TensorFeedback::close);
    encoded.ifPresent(PinnedMemory::close);
  }
}
