package io.moraine.model.train;

import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.checkpoint.Ranges.Range;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.DeviceAdamW;
import io.moraine.model.reduction.OwnedGradients;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.HostStaging;
import io.moraine.model.tensor.PinnedMemory;
import java.util.Optional;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/** On the device of the parameters: what other ranks sum up comes up, nothing goes down. */
final class DeviceShard implements Shard {

  /** Elements whose squares are added at a time, in float64. */
  private static final int AT_ONCE = 1 << 24;

  private final Ownership owned;
  private final HostStaging staging;
  private final Tensor gradients;
  private final Tensor master;
  private final DeviceAdamW adam;

  /** What is on its way up, at its place; from the first on. */
  private Optional<PinnedMemory> coming = Optional.empty();

  DeviceShard(FlatBuffer parameters, Ownership owned, AdamW.Config config) {
    this.owned = owned;
    this.staging = parameters.staging().orElseThrow();
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      TensorOptions where = parameters.onDevice(0, 1).orElseThrow().options();
      long[] size = {owned.size()};
      gradients = torch.zeros(size, where).retainReference();
      master = torch.zeros(size, where).retainReference();
      int at = 0;
      for (Range range : owned.localRanges().list()) {
        Tensor there = parameters.onDevice(range.from(), range.length()).orElseThrow();
        master.narrow(0, at, range.length()).copy_(there);
        at += range.length();
      }
    }
    try (Tensor like = parameters.onDevice(0, 1).orElseThrow();
        TensorOptions where = like.options()) {
      adam = new DeviceAdamW(config, Shard.decays(parameters, owned), where);
    }
  }

  /**
   * A range of the master weights themselves.
   *
   * @shape result (length)
   */
  Tensor master(int shardOffset, int length) {
    return master.narrow(0, shardOffset, length);
  }

  /** Waits until the device has done what it was asked for. */
  void synchronize() {
    try (Tensor first = gradients.narrow(0, 0, Math.min(1, gradients.numel()));
        Tensor here = first.cpu()) {
      here.numel();
    }
  }

  @Override
  public OwnedGradients gradients() {
    return new OwnedGradients() {
      @Override
      public void put(int shardOffset, float[] values, int offset, int length) {
        bring(shardOffset, values, offset, length);
      }

      @Override
      public void clear(int shardOffset, int length) {
        try (Tensor range = gradients.narrow(0, shardOffset, length)) {
          range.zero_();
        }
      }

      @Override
      public Optional<Tensor> onDevice(int shardOffset, int length) {
        return Optional.of(gradients.narrow(0, shardOffset, length));
      }
    };
  }

  /** What came in the step before is there: {@link #gradientSquares} has waited for it. */
  private synchronized void bring(int shardOffset, float[] values, int offset, int length) {
    if (coming.isEmpty()) {
      coming = Optional.of(staging.pinned((long) owned.size() * Float.BYTES));
    }
    PinnedMemory memory = coming.get();
    for (int done = 0, count; done < length; done += count) {
      count = Math.min(AT_ONCE, length - done);
      long at = (long) (shardOffset + done) * Float.BYTES;
      memory.bytes(at, count * Float.BYTES).asFloatBuffer().put(values, offset + done, count);
      try (PointerScope scope = new PointerScope();
          NoGradGuard noGradient = new NoGradGuard()) {
        memory.toDevice(
            at, gradients.narrow(0, shardOffset + done, count).view(torch.ScalarType.Byte));
      }
    }
  }

  @Override
  public double gradientSquares() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor squares = torch.zeros(new long[] {1}, gradients.options()).to(torch.ScalarType.Double);
      for (int from = 0; from < owned.size(); from += AT_ONCE) {
        try (PointerScope ofPiece = new PointerScope()) {
          int count = Math.min(AT_ONCE, owned.size() - from);
          Tensor wide = gradients.narrow(0, from, count).to(torch.ScalarType.Double);
          squares.add_(wide.mul_(wide).sum());
        }
      }
      return squares.item_double();
    }
  }

  @Override
  public void update(long number, double learningRate, double scale) {
    adam.update(number, learningRate, master, gradients, scale);
  }

  @Override
  public float[] copy(Part part) {
    float[] values = new float[owned.size()];
    staging.get(tensor(part), 0, values, 0, values.length);
    return values;
  }

  @Override
  public void put(Part part, Ranges written, float[] values) {
    written.meet(
        owned.modelRanges(),
        (from, to, length) -> staging.put(tensor(part), to, values, from, length));
  }

  private Tensor tensor(Part part) {
    return switch (part) {
      case MASTER -> master;
      case MOMENT1 -> adam.moment1();
      case MOMENT2 -> adam.moment2();
    };
  }

  @Override
  public void close() {
    gradients.close();
    master.close();
    adam.close();
    coming.ifPresent(PinnedMemory::close);
  }
}
