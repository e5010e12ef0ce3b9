package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.reduction.GradientReduction;
import io.moraine.model.reduction.Gradients;
import io.moraine.model.reduction.OwnedGradients;
import io.moraine.model.reduction.ReductionConfig;
import io.moraine.model.tensor.Slice;
import java.util.List;
import java.util.stream.LongStream;

/**
 * PowerSGD of rank 4 over matrices of 512 x 512: both factors are summed and gathered, each rank
 * multiplies out what it owns.
 */
final class PowerSgdSide implements CollectiveSpeed.Side {

  private static final int WIDTH = 512;
  private static final int LOW_RANK = 4;

  private final Communicator communicator;
  private GradientReduction reduction;
  private float[] values = new float[0];
  private OwnedGradients sum;

  /** Matrices are made when their number is known. */
  PowerSgdSide(Communicator communicator) {
    this.communicator = communicator;
  }

  @Override
  public void run(float[] input) {
    if (values != input) {
      values = input;
      prepare();
    }
    reduction.reduce(0, sum);
  }

  private void prepare() {
    Buckets buckets =
        Buckets.of(values.length, communicator.worldSize(), GradientCodec.BLOCK, values.length);
    List<Slice> slices =
        LongStream.range(0, values.length / (WIDTH * WIDTH))
            .mapToObj(i -> new Slice("w" + i, i * WIDTH * WIDTH, List.of(512L, 512L)))
            .toList();
    Gradients gradients =
        (from, dst, offset, length) ->
            System.arraycopy(values, Math.toIntExact(from), dst, offset, length);
    reduction =
        GradientReduction.of(
            new ReductionConfig.PowerSgd(LOW_RANK, true),
            communicator,
            buckets,
            slices,
            gradients,
            1);
    sum = OwnedGradients.of(new float[buckets.size(communicator.rank())]);
  }

  @Override
  public long sentBytes() {
    return communicator.sentBytes();
  }

  @Override
  public void close() {
    communicator.close();
  }
}
