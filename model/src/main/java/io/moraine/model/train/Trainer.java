package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.data.BatchReader;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.data.StepBatches;
import io.moraine.model.data.TokenSource;
import io.moraine.model.tensor.FlatBuffer;
import java.io.IOException;
import java.util.Optional;
import java.util.function.LongSupplier;

/**
 * One rank of a training run. A step: forward and backward over the rank's micro-batches, beside
 * the last of them compressed reduction of the gradients to their owners, clipping by the global
 * norm, AdamW on the owned float32 master weights, all-gather of the new weights, balance of the
 * experts.
 *
 * <p>All ranks have the same weights after every step, bit for bit, but for experts that only their
 * owner has. A run that is stopped and resumed with as many ranks ends with the same bits as one
 * that was not.
 *
 * @source Rajbhandari et al., ZeRO, 2020, arXiv:1910.02054, section 5.1 (optimizer state sharded)
 */
public final class Trainer {

  private final TrainableModel model;
  private final TrainConfig config;
  private final Communicator communicator;
  private StepBatches batches;
  private final Optional<HeldOutLoss> heldOut;
  private final TrainObserver observer;
  private final LongSupplier nanoClock;
  private final Buckets buckets;
  private final Shard shard;
  private final StepGradients gradients;
  private final StepJudge judge;
  private final WeightGather weights;
  private final TrainerCheckpoints checkpoints;
  private boolean stopping;
  private boolean isWritten;

  /**
   * Sets a rank up; the model's weights must be initialised alike on all ranks.
   *
   * @param heldOut sequences to evaluate on, if there are any
   * @param settingsDigest recorded in checkpoints
   * @param nanoClock for durations only; never influences training
   */
  public Trainer(
      TrainableModel model,
      TrainConfig config,
      Communicator communicator,
      BatchReader data,
      Optional<TokenSource> heldOut,
      Checkpoints checkpoints,
      TrainObserver observer,
      String settingsDigest,
      LongSupplier nanoClock) {
    this.model = model;
    this.config = config;
    this.communicator = communicator;
    this.batches =
        new StepBatches(
            data,
            new SequenceOrder(data.sequences(), config.seed()),
            config.batch().sizes(data.length()),
            config.batch().microBatch());
    this.heldOut =
        heldOut.map(source -> new HeldOutLoss(source, config.every().evaluateSequences()));
    this.observer = observer;
    this.nanoClock = nanoClock;
    this.buckets =
        Buckets.of(
            model.rankParameters().replicated(),
            communicator.worldSize(),
            FlatBuffer.ALIGNMENT,
            config.wire().bucketElements());
    Ownership owned =
        Ownership.of(model.rankParameters(), model.parameters(), buckets, communicator.rank());
    this.shard = Shard.of(model.parameters(), owned, config.adam());
    this.gradients =
        new StepGradients(model, config, communicator, buckets, owned, shard.gradients());
    this.weights =
        WeightGather.of(
            config.wire().weights(), communicator, buckets, model.parameters(), owned, shard);
    this.judge = new StepJudge(config.spikes());
    this.checkpoints =
        new TrainerCheckpoints(
            checkpoints,
            communicator,
            observer,
            settingsDigest,
            config.every(),
            new RankState(model, buckets, owned, shard, weights, gradients));
  }

  /**
   * Trains to the last step.
   *
   * @param resume whether to go on from the newest whole checkpoint, if there is one
   */
  public TrainResult run(boolean resume) throws IOException {
    try (shard;
        weights;
        checkpoints;
        gradients) {
      return trainOrTell(resume);
    }
  }

  /** Before what is under way is interrupted, the other ranks hear why. */
  private TrainResult trainOrTell(boolean resume) throws IOException {
    try {
      return train(resume);
    } catch (RuntimeException | IOException | Error e) {
      communicator.abort(e.toString());
      throw e;
    }
  }

  private TrainResult train(boolean resume) throws IOException {
    Optional<Checkpoint> newest =
        resume ? checkpoints.newest().filter(Checkpoint::isToGoOnFrom) : Optional.empty();
    if (newest.isPresent()) {
      batches = checkpoints.inOrderOf(newest.get(), batches);
      judge.resume(newest.get().state().history());
      checkpoints.restore(newest.get());
    } else {
      weights.start(Optional.empty());
    }
    long resumedFrom = newest.map(Checkpoint::step).orElse(0L);
    if (communicator.rank() == 0) {
      observer.started(resumedFrom);
    }
    if (newest.isEmpty() && policy() == TrainConfig.Spikes.Policy.ROLL_BACK) {
      checkpoint(0, Double.NaN);
    }
    double loss = Double.NaN;
    double heldOutLoss = Double.NaN;
    long done = resumedFrom;
    boolean isAtLimit = resumedFrom > 0 && asksToStop(resumedFrom);
    stopping = communicator.allReduceSum(new long[] {isAtLimit ? 1 : 0})[0] > 0;
    for (long step = resumedFrom + 1; step <= config.steps() && !stopping; step++) {
      communicator.beginStep(step);
      loss = step(step);
      if (isWritten) {
        checkpoints.finish();
      }
      boolean last = stopping || step == config.steps();
      boolean areOthers = communicator.worldSize() > 1;
      if (areOthers && (last || step % config.every().digest() == 0)) {
        communicator.requireIdentical("the digest of all weights", digest());
      }
      if (last || config.every().evaluatesAt(step)) {
        heldOutLoss = evaluate(step);
      }
      if (last || step % config.every().checkpoint() == 0) {
        checkpoint(step, last || config.every().evaluatesAt(step) ? heldOutLoss : Double.NaN);
      }
      done = step;
    }
    checkpoints.finish();
    return new TrainResult(resumedFrom, done, loss, heldOutLoss, digest());
  }

  private double step(long step) throws IOException {
    long start = nanoClock.getAsLong();
    long sentBefore = communicator.sentBytes();
    long dispatchedBefore = communicator.dispatchedElements();
    LossSum lossHere = gradients.computeAndReduce(step, batches);
    StepSums sums =
        new StepSums(
                lossHere,
                model.takeFurtherLoss(),
                shard.gradientSquares(),
                asksToStop(step) ? 1 : 0,
                checkpoints.hasWritten() ? 1 : 0)
            .overAllRanks(communicator);
    stopping = sums.stopping() > 0;
    isWritten = sums.written() == communicator.worldSize();
    double scale = sums.meanScale(batches.source().length());
    double norm = sums.gradientNorm(batches.source().length());
    double loss = sums.loss().mean();
    Verdict verdict = judged(step, loss, norm);
    double learningRate = config.schedule().at(step, this::shareSeen);
    long[] load = takeLoadOfAllRanks();
    if (verdict.fault().isEmpty()) {
      double clip = norm > config.clipNorm() ? config.clipNorm() / norm : 1;
      shard.update(judge.updateNumber(step), learningRate, scale * clip);
      weights.gather();
      balanceExperts(step, load);
    }

    StepMetrics metrics =
        new StepMetrics(
            step,
            loss,
            sums.further().mean(),
            norm,
            learningRate,
            sums.loss().predictions(),
            tokensSeen(step),
            (nanoClock.getAsLong() - start) / 1e9,
            load,
            model.expertBalance().map(ExpertBalance::experts).orElse(0),
            communicator.sentBytes() - sentBefore,
            float32WireBytes() + 4 * (communicator.dispatchedElements() - dispatchedBefore));
    if (communicator.rank() == 0) {
      observer.stepped(metrics);
    }
    if (verdict.end().isPresent()) {
      endWith(step, verdict.end().get());
    }
    if (verdict.fault().isPresent()) {
      leaveOut(step, verdict.fault().get());
    }
    return loss;
  }

  /** All ranks end together, when rank 0 has recorded why. */
  private void endWith(long step, BadStepException end) throws IOException {
    if (communicator.rank() == 0) {
      observer.ended(new Checkpoint.BadStep(step, step, end.why()));
    }
    communicator.barrier();
    throw end;
  }

  /**
   * Whether sequences that were added to the run are for the first time in one of the steps behind
   * one and up to another.
   */
  private boolean beginsOnNewData(long behind, long upTo) {
    long before = batches.sizes().through(behind);
    long after = batches.sizes().through(upTo);
    return batches.order().stretches().stream()
        .anyMatch(
            stretch -> stretch.from() > 0 && stretch.from() >= before && stretch.from() < after);
  }

  /**
   * What becomes of a step.
   *
   * @param fault why it is bad; empty if it is good
   * @param end what ends the run because of it, if anything does
   */
  private record Verdict(Optional<String> fault, Optional<BadStepException> end) {}

  /** Before a bad step ends the run, the checkpoint that is being written is made whole. */
  private Verdict judged(long step, double loss, double norm) throws IOException {
    if (beginsOnNewData(step - 1, step)) {
      judge.forgetLosses();
    }
    try {
      return new Verdict(judge.judge(step, loss, norm), Optional.empty());
    } catch (BadStepException e) {
      checkpoints.finish();
      return new Verdict(Optional.of(e.why()), Optional.of(e));
    }
  }

  private TrainConfig.Spikes.Policy policy() {
    return config.spikes().policy();
  }

  /** A bad step: what its reduction has changed is put back, or all is as in a checkpoint. */
  private void leaveOut(long step, String why) throws IOException {
    long from = step;
    if (policy() == TrainConfig.Spikes.Policy.ROLL_BACK) {
      checkpoints.finish();
      Checkpoint newest = checkpoints.newest().orElseThrow();
      judge.goBack(newest.state().history());
      if (beginsOnNewData(newest.step(), step)) {
        judge.forgetLosses(); // those of the checkpoint are on the data before
      }
      gradients.startAnew();
      checkpoints.restore(newest);
      from = newest.step() + 1;
    } else {
      gradients.forgetStep();
    }
    Checkpoint.BadStep bad = judge.leaveOut(from, step, why);
    if (communicator.rank() == 0) {
      observer.leftOut(bad);
    }
  }

  /** Rank 0 decides for all. */
  private boolean asksToStop(long step) throws IOException {
    return communicator.rank() == 0 && observer.wantsToStop(tokensSeen(step));
  }

  private long tokensSeen(long step) {
    return batches.sizes().through(step) * batches.source().length();
  }

  /** The step's, over all ranks, which call it together; counting begins anew. */
  private long[] takeLoadOfAllRanks() {
    return model
        .expertBalance()
        .map(balance -> communicator.allReduceSum(balance.takeLoad()))
        .orElse(new long[0]);
  }

  /** Moves the selection biases. */
  private void balanceExperts(long step, long[] load) {
    float gamma = (float) config.balance().gamma(shareSeen(step));
    model.expertBalance().ifPresent(balance -> balance.updateBias(load, gamma));
  }

  /** Share of the run's tokens in the steps up to and with a step, those of padding included. */
  private double shareSeen(long step) {
    return (double) batches.sizes().through(step) / batches.sizes().through(config.steps());
  }

  /** What reduce-scatter and all-gather would send in float32, from this rank. */
  private long float32WireBytes() {
    long own = buckets.size(communicator.rank());
    return 4 * (buckets.length() - own) + 4 * own * (communicator.worldSize() - 1);
  }

  /** NaN without held-out sequences. */
  private double evaluate(long step) throws IOException {
    if (heldOut.isEmpty()) {
      return Double.NaN;
    }
    double loss = heldOut.get().of(model, communicator);
    if (communicator.rank() == 0 && heldOut.get().sequences() > 0) {
      observer.evaluated(step, loss);
    }
    return loss;
  }

  /**
   * Begins a checkpoint of what there is now.
   *
   * @param heldOutLoss after the step; NaN if it was not measured
   */
  private void checkpoint(long step, double heldOutLoss) throws IOException {
    long sequences = heldOut.map(HeldOutLoss::sequences).orElse(0L);
    checkpoints.begin(step, batches, judge.history(), heldOutLoss, sequences);
  }

  private long digest() {
    return WeightsDigest.of(model.parameters(), model.rankParameters(), communicator);
  }
}
