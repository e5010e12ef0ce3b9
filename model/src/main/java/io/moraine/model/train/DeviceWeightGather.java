package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.reduction.TensorCodec;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.PinnedMemory;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Of master weights on a device: they are encoded there, the codec's bytes alone come to the host,
 * and what all ranks have sent of a bucket goes up in one copy and is decoded there. Of one rank
 * nothing comes to the host.
 */
final class DeviceWeightGather extends WeightGather {

  private static final int BLOCK = FlatBuffer.ALIGNMENT;

  /** Elements that are encoded and decoded at a time where nothing is sent. */
  private static final int AT_ONCE = 1 << 24;

  /** What is given of a range of what the rank owns. */
  @FunctionalInterface
  private interface Source {
    /**
     * One dimension, contiguous.
     *
     * @param shardOffset in all that the rank owns
     * @param element in its flat buffer
     */
    Tensor of(int shardOffset, long element, int length);
  }

  /** What is given, in which form, and whether it is added to what is there. */
  private record Gift(Source source, GradientCodec codec, TensorCodec tensors, boolean isAdded) {

    Gift(Source source, GradientCodec codec, boolean isAdded) {
      this(source, codec, TensorCodec.of(codec).orElseThrow(), isAdded);
    }

    /** Of whole blocks. */
    long bytes(long elements) {
      return elements / BLOCK * codec.encodedBytes(BLOCK);
    }
  }

  private final DeviceShard shard;
  private final Gift step;

  /** All encoded weights of a step, from the first on. */
  private Optional<PinnedMemory> memory = Optional.empty();

  DeviceWeightGather(
      TrainConfig.Weights form,
      Communicator communicator,
      Buckets buckets,
      FlatBuffer parameters,
      Ownership owned,
      DeviceShard shard) {
    super(form, communicator, buckets, parameters, owned);
    this.shard = shard;
    this.step =
        form.areDifferences()
            ? new Gift(ahead(), form.codec(), true)
            : new Gift(master(), form.codec(), false);
  }

  private Source master() {
    return (shardOffset, element, length) -> shard.master(shardOffset, length);
  }

  private Source ahead() {
    return (shardOffset, element, length) ->
        shard.master(shardOffset, length).sub(weights(element, length));
  }

  private Tensor weights(long element, long length) {
    return parameters.onDevice(element, length).orElseThrow();
  }

  @Override
  void giveAll(Optional<float[]> known) {
    known.ifPresent(values -> Ownership.write(parameters, owned.localRanges(), values));
    Source source =
        known.isPresent() ? (shardOffset, element, length) -> weights(element, length) : master();
    Gift all = new Gift(source, TrainConfig.Weights.FP32.codec(), false);
    if (communicator.worldSize() > 1) {
      try (PinnedMemory ofAll = pinned(all)) {
        send(all, ofAll);
        shard.synchronize(); // nothing is on its way up any more
      }
    }
    settle(all);
  }

  @Override
  void giveStep() {
    if (communicator.worldSize() > 1) {
      if (memory.isEmpty()) {
        memory = Optional.of(pinned(step));
      }
      send(step, memory.get());
    }
    settle(step);
  }

  private PinnedMemory pinned(Gift gift) {
    return parameters.staging().orElseThrow().pinned(gift.bytes(buckets.length()));
  }

  /** Asks for all that this rank sends first, so that it waits for none of what it takes. */
  private void send(Gift gift, PinnedMemory pinned) {
    int rank = communicator.rank();
    long[] copies = new long[buckets.count()];
    for (int bucket = 0; bucket < copies.length; bucket++) {
      ShardLayout layout = buckets.get(bucket);
      int own = layout.size(rank);
      if (own > 0) {
        try (PointerScope scope = new PointerScope();
            NoGradGuard noGradient = new NoGradGuard()) {
          Tensor values =
              gift.source().of(buckets.shardOffset(bucket, rank), layout.from(rank), own);
          copies[bucket] =
              pinned.fromDevice(gift.tensors().encode(values), gift.bytes(layout.from(rank)));
        }
      }
    }
    for (int bucket = 0; bucket < copies.length; bucket++) {
      pinned.await(copies[bucket]);
      exchange(gift, buckets.get(bucket), pinned);
    }
  }

  private void exchange(Gift gift, ShardLayout layout, PinnedMemory pinned) {
    communicator.allGather(
        (from, count, dst) ->
            dst.put(pinned.bytes(gift.bytes(from), gift.codec().encodedBytes(count))),
        layout,
        gift.codec(),
        (to, count, src) ->
            pinned.bytes(gift.bytes(to), gift.codec().encodedBytes(count)).put(src));
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      long start = layout.start();
      Tensor there = weights(start, layout.length());
      TensorOptions likeThem = there.view(torch.ScalarType.Byte).options();
      Tensor bytes = torch.zeros(new long[] {gift.bytes(layout.length())}, likeThem);
      pinned.toDevice(gift.bytes(start), bytes);
      put(gift, bytes, there);
    }
  }

  /** What goes to nobody: all of one rank, else what this rank has alone. */
  private void settle(Gift gift) {
    if (communicator.worldSize() == 1) {
      settle(gift, 0, 0, owned.sharded());
    }
    settle(gift, owned.sharded(), owned.replicated(), owned.alone());
  }

  private void settle(Gift gift, int shardOffset, long element, int length) {
    for (int from = 0, count; from < length; from += count) {
      count = Math.min(AT_ONCE, length - from);
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        Tensor values = gift.source().of(shardOffset + from, element + from, count);
        Tensor there = weights(element + from, count);
        put(gift, gift.tensors().encode(values), there);
      }
    }
  }

  private static void put(Gift gift, Tensor bytes, Tensor there) {
    Tensor decoded = gift.tensors().decode(bytes);
    if (gift.isAdded()) {
      there.add_(decoded);
    } else {
      there.copy_(decoded);
    }
  }

  @Override
  public void close() {
    memory.ifPresent(PinnedMemory::close);
  }
}
