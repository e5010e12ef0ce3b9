package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.data.Batch;
import io.moraine.model.data.StepBatches;
import io.moraine.model.reduction.CarriedState;
import io.moraine.model.reduction.GradientReduction;
import io.moraine.model.reduction.Gradients;
import io.moraine.model.reduction.OwnedGradients;
import io.moraine.model.reduction.ReductionConfig;
import java.util.List;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Tensor;

/**
 * The gradients of a step: forward and backward over the rank's micro-batches, beside the last of
 * them the reduction to the gradients' owners, and the sum of what the rank has alone.
 */
final class StepGradients implements AutoCloseable {

  private static final int ADDED_AT_ONCE = 1 << 16;

  private final TrainableModel model;
  private final TrainConfig config;
  private final Communicator communicator;
  private final Buckets buckets;
  private final Ownership owned;
  private final OwnedGradients sum;
  private final GradientReduction full;
  private final OverlappedReduction overlapped;
  private GradientReduction reduction;

  /**
   * Before the first step; nothing is owed.
   *
   * @param sum gets the sums over all ranks of what the rank owns
   */
  StepGradients(
      TrainableModel model,
      TrainConfig config,
      Communicator communicator,
      Buckets buckets,
      Ownership owned,
      OwnedGradients sum) {
    this.model = model;
    this.config = config;
    this.communicator = communicator;
    this.buckets = buckets;
    this.owned = owned;
    this.sum = sum;
    this.full = reduction(ReductionConfig.FULL);
    this.overlapped =
        new OverlappedReduction(
            buckets, sum, config.wire().overlaps() && model.rankParameters().isWhole());
    this.reduction = reduction(config.wire().gradients());
  }

  /**
   * Computes a step's and reduces them over the network; all ranks call it together.
   *
   * @return of the rank's tokens
   */
  LossSum computeAndReduce(long step, StepBatches batches) {
    model.zeroGradients();
    if (config.spikes().policy() == TrainConfig.Spikes.Policy.SKIP) {
      reduction.state().forEach(CarriedState::keep);
    }
    overlapped.begin(step <= config.wire().fullSteps() ? full : reduction);
    LossSum loss = forwardBackward(step, batches);
    overlapped.finish();
    sumOwn();
    return loss;
  }

  /** What is carried from step to step; what is put there counts. */
  List<CarriedState> carried() {
    return reduction.state();
  }

  /** As if the last step had not been; with the policy to skip bad steps. */
  void forgetStep() {
    reduction.state().forEach(CarriedState::putBack);
  }

  /** Nothing is owed any more. */
  void startAnew() {
    reduction.close();
    reduction = reduction(config.wire().gradients());
  }

  @Override
  public void close() {
    overlapped.close();
    reduction.close();
    full.close();
  }

  private GradientReduction reduction(ReductionConfig form) {
    return GradientReduction.of(
        form,
        communicator,
        buckets,
        model.gradients().slices().stream()
            .filter(slice -> slice.offsetElements() < owned.replicated())
            .toList(),
        Gradients.of(model.gradients()),
        config.seed());
  }

  /**
   * Runs the rank's micro-batches; each adds the gradient of its mean loss, weighted by its
   * predictions in sequences' worth, so that the sum over ranks divided by all of these is the
   * gradient of the mean.
   */
  private LossSum forwardBackward(long step, StepBatches batches) {
    List<Batch> microBatches = batches.of(step, communicator.rank(), communicator.worldSize());
    for (int i = 0; i < microBatches.size(); i++) {
      Batch batch = microBatches.get(i);
      double weight = (double) batch.predictions() / batch.length();
      if (weight == 0) {
        model.serveOthers(true, batches.source().length());
      } else if (i == microBatches.size() - 1) {
        model.learn(batch, weight, overlapped::finished);
      } else {
        model.learn(batch, weight);
      }
    }
    for (int i = microBatches.size(); i < batches.most(step, communicator.worldSize()); i++) {
      model.serveOthers(true, batches.source().length());
    }
    return model.takeLoss();
  }

  /** Adds the gradients of what this rank has alone over the ranks whose tokens they come from. */
  private void sumOwn() {
    for (int start = 0; start < owned.alone(); start += ADDED_AT_ONCE) {
      int count = Math.min(ADDED_AT_ONCE, owned.alone() - start);
      if (model.gradients().staging().isPresent()) {
        sumOwnOnDevice(start, count);
      } else {
        sumOwn(start, count);
      }
    }
  }

  private void sumOwn(int start, int count) {
    float[] total = new float[count];
    float[] chunk = new float[count];
    for (int rank = 0; rank < communicator.worldSize(); rank++) {
      model.gradients().get(own(rank) + start, chunk, 0, count);
      for (int i = 0; i < count; i++) {
        total[i] += chunk[i];
      }
    }
    sum.put(owned.sharded() + start, total, 0, count);
  }

  private void sumOwnOnDevice(int start, int count) {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor total = sum.onDevice(owned.sharded() + start, count).orElseThrow();
      total.zero_();
      for (int rank = 0; rank < communicator.worldSize(); rank++) {
        total.add_(model.gradients().onDevice(own(rank) + start, count).orElseThrow());
      }
    }
  }

  /** Where the gradients begin that come from a rank's tokens. */
  private long own(int rank) {
    return owned.replicated() + (long) rank * owned.alone();
  }
}
