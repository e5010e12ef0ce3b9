package io.moraine.model.reduction;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
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
 * results as {@link CodedReduction}, bit for bit but for those of a NaN.
 */
final class DeviceReduction implements GradientReduction {

  private final Communicator communicator;
  private final Buckets buckets;
  private final FlatBuffer gradients;
  private final DeviceForm form;
  private final Optional<TensorFeedback> feedback;

  /** Where each bucket's bytes begin; at the end, how many all have. */
  private final long[] at;

  /** Of each bucket the copy that is under way. */
  private final long[] copies;

  /** The encoded buckets one behind the other; from the first one on. */
  private Optional<PinnedMemory> encoded = Optional.empty();

  private DeviceReduction(
      Communicator communicator,
      Buckets buckets,
      FlatBuffer gradients,
      DeviceForm form,
      Optional<TensorFeedback> feedback) {
    this.communicator = communicator;
    this.buckets = buckets;
    this.gradients = gradients;
    this.form = form;
    this.feedback = feedback;
    this.copies = new long[buckets.count()];
    this.at = new long[buckets.count() + 1];
    for (int bucket = 0; bucket < buckets.count(); bucket++) {
      at[bucket + 1] = at[bucket] + form.bytes(buckets.get(bucket));
    }
  }

  /**
   * If gradients are on a device, what the settings ask for has a form for it and ranks do not
   * first add up what their host has, in float32.
   */
  static Optional<DeviceReduction> of(
      Communicator communicator, Buckets buckets, Gradients gradients, ReductionConfig config) {
    Optional<DeviceForm> form = DeviceForm.of(config);
    if (communicator.isByHosts() || form.isEmpty() || gradients.onDevice().isEmpty()) {
      return Optional.empty();
    }
    FlatBuffer there = gradients.onDevice().get();
    float momentum = config instanceof ReductionConfig.TopK topK ? (float) topK.momentum() : 0;
    Optional<TensorFeedback> feedback =
        config.hasFeedback()
            ? Optional.of(new TensorFeedback(there, buckets.length(), momentum))
            : Optional.empty();
    return Optional.of(new DeviceReduction(communicator, buckets, there, form.get(), feedback));
  }

  @Override
  public void begin(int bucket) {
    if (communicator.worldSize() > 1) {
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        copies[bucket] = memory().fromDevice(encode(buckets.get(bucket)), at[bucket]);
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
        there.add_(form.decode(encode(layout), layout));
      }
      return;
    }
    PinnedMemory memory = memory();
    memory.await(copies[bucket]);
    float[] shardSum = new float[layout.size(communicator.rank())];
    communicator.reduceScatter(
        (from, count, dst) -> form.put(memory, at[bucket], layout, from, count, dst),
        layout,
        form.codec(),
        shardSum);
    sum.put(shardOffset, shardSum, 0, shardSum.length);
  }

  private Tensor encode(ShardLayout layout) {
    Tensor values = gradients.onDevice(layout.start(), layout.length()).orElseThrow();
    return feedback.isPresent()
        ? feedback.get().encode(form, values, layout)
        : form.encode(values, layout);
  }

  private synchronized PinnedMemory memory() {
    if (encoded.isEmpty()) {
      encoded = Optional.of(gradients.staging().orElseThrow().pinned(at[buckets.count()]));
    }
    return encoded.get();
  }

  @Override
  public List<CarriedState> state() {
    return feedback.map(TensorFeedback::state).orElseGet(List::of);
  }

  @Override
  public void close() {
    feedback.ifPresent(TensorFeedback::close);
    encoded.ifPresent(PinnedMemory::close);
  }
}
