package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.data.Batches;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.data.TokenSource;
import io.moraine.model.reduction.GradientReduction;
import io.moraine.model.tensor.FlatBuffer;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.LongSupplier;

/**
 * One rank of a training run. A step: forward and backward over the rank's micro-batches,
 * compressed reduction of the gradients to their owners, clipping by the global norm, AdamW on the
 * owned float32 master weights, all-gather of the new weights, balance of the experts.
 *
 * <p>All ranks have the same weights after every step, bit for bit, but for experts that only their
 * owner has. A run that is stopped and resumed with as many ranks ends with the same bits as one
 * that was not.
 *
 * @source Rajbhandari et al., ZeRO, 2020, arXiv:1910.02054, section 5.1 (optimizer state sharded)
 */
public final class Trainer {

  private static final int COPIED_AT_ONCE = 1 << 16;

  private final TrainableModel model;
  private final TrainConfig config;
  private final Communicator communicator;
  private Batches batches;
  private final Optional<TokenSource> heldOut;
  private final Checkpoints checkpoints;
  private final TrainObserver observer;
  private final String settingsDigest;
  private final LongSupplier nanoClock;
  private final Holding holding;
  private final ShardLayout layout;
  private final Ownership owned;
  private final ShardState state;
  private final float[] gradientSum;
  private final GradientReduction reduction;
  private final WeightGather weights;
  private boolean stopping;

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
      TokenSource data,
      Optional<TokenSource> heldOut,
      Checkpoints checkpoints,
      TrainObserver observer,
      String settingsDigest,
      LongSupplier nanoClock) {
    this.model = model;
    this.config = config;
    this.communicator = communicator;
    this.batches =
        new Batches(
            data,
            new SequenceOrder(data.sequences(), config.seed()),
            config.batch().sizes(data.length()),
            config.batch().microBatch());
    this.heldOut = heldOut;
    this.checkpoints = checkpoints;
    this.observer = observer;
    this.settingsDigest = settingsDigest;
    this.nanoClock = nanoClock;
    this.holding = model.holding();
    this.layout = new ShardLayout(holding.common(), communicator.worldSize(), FlatBuffer.ALIGNMENT);
    this.owned = Ownership.of(holding, model.parameters(), layout, communicator.rank());
    this.state = new ShardState(model.parameters(), owned, config.adam());
    this.gradientSum = new float[owned.size()];
    this.reduction =
        GradientReduction.of(
            config.wire().gradients(),
            communicator,
            layout,
            model.gradients().slices().stream()
                .filter(slice -> slice.offsetElements() < holding.common())
                .toList(),
            config.seed());
    this.weights =
        new WeightGather(config.wire().weights(), communicator, layout, model.parameters(), owned);
  }

  /**
   * Trains to the last step.
   *
   * @param resume whether to go on from the newest whole checkpoint, if there is one
   */
  public TrainResult run(boolean resume) throws IOException {
    Optional<Checkpoint> newest = resume ? newestCheckpoint() : Optional.empty();
    if (newest.isPresent()) {
      restore(newest.get());
    } else {
      weights.start(state.master(), Optional.empty());
    }
    long resumedFrom = newest.map(Checkpoint::step).orElse(0L);
    if (communicator.rank() == 0) {
      observer.started(resumedFrom);
    }
    double loss = Double.NaN;
    double heldOutLoss = Double.NaN;
    long done = resumedFrom;
    boolean isAtLimit = resumedFrom > 0 && asksToStop(resumedFrom);
    stopping = communicator.allReduceSum(new long[] {isAtLimit ? 1 : 0})[0] > 0;
    for (long step = resumedFrom + 1; step <= config.steps() && !stopping; step++) {
      communicator.beginStep(step);
      loss = step(step);
      boolean last = stopping || step == config.steps();
      if (last || step % config.every().digest() == 0) {
        communicator.requireIdentical("the digest of all weights", weightsDigest());
      }
      if (last || config.every().evaluate() > 0 && step % config.every().evaluate() == 0) {
        heldOutLoss = evaluate(step);
      }
      if (last || step % config.every().checkpoint() == 0) {
        checkpoint(step);
      }
      done = step;
    }
    return new TrainResult(resumedFrom, done, loss, heldOutLoss, weightsDigest());
  }

  private double step(long step) throws IOException {
    long start = nanoClock.getAsLong();
    long sentBefore = communicator.sentBytes();
    long dispatchedBefore = communicator.dispatchedElements();
    model.zeroGradients();
    double[] lossAndTokens = forwardBackward(step);
    FurtherLoss further = model.takeFurtherLoss();
    reduction.reduce(model.gradients()::get, gradientSum);
    sumOwn();

    double[] sums =
        communicator.allReduceSum(
            new double[] {
              lossAndTokens[0],
              lossAndTokens[1],
              squaredSum(),
              further.sum(),
              further.predictions(),
              asksToStop(step) ? 1 : 0
            });
    stopping = sums[5] > 0;
    double scale = batches.source().length() / sums[1];
    double norm = (float) (Math.sqrt(sums[2]) * scale); // whichever rank adds which squares
    double loss = sums[0] / sums[1];
    if (!Double.isFinite(loss) || !Double.isFinite(norm)) {
      throw new NonFiniteException(step, loss, norm);
    }
    double learningRate = config.schedule().at(step, this::shareSeen);
    double clip = norm > config.clipNorm() ? config.clipNorm() / norm : 1;
    state.adam().update(step, learningRate, state.master(), gradientSum, scale * clip);
    weights.gather(state.master());
    long[] load = balanceExperts(step);

    long tokens = (long) sums[1];
    StepMetrics metrics =
        new StepMetrics(
            step,
            loss,
            sums[4] > 0 ? sums[3] / sums[4] : Double.NaN,
            norm,
            learningRate,
            tokens,
            tokensSeen(step),
            (nanoClock.getAsLong() - start) / 1e9,
            load,
            model.expertBalance().map(ExpertBalance::experts).orElse(0),
            communicator.sentBytes() - sentBefore,
            float32WireBytes() + 4 * (communicator.dispatchedElements() - dispatchedBefore));
    if (communicator.rank() == 0) {
      observer.stepped(metrics);
    }
    return loss;
  }

  /**
   * Runs the rank's micro-batches; each adds the gradient of its mean loss, weighted by its
   * predictions in sequences' worth, so that the sum over ranks divided by all of these is the
   * gradient of the mean.
   *
   * @return sum of the losses of the rank's tokens, and their number
   */
  private double[] forwardBackward(long step) {
    double loss = 0;
    double tokens = 0;
    List<TokenBatch> microBatches = batches.of(step, communicator.rank(), communicator.worldSize());
    for (TokenBatch batch : microBatches) {
      double predictions = batch.predictions();
      if (predictions > 0) {
        loss += model.forwardBackward(batch, predictions / batch.length()) * predictions;
        tokens += predictions;
      } else {
        model.serveOthers(true, batches.source().length());
      }
    }
    for (int i = microBatches.size(); i < batches.most(step, communicator.worldSize()); i++) {
      model.serveOthers(true, batches.source().length());
    }
    return new double[] {loss, tokens};
  }

  /** Adds the gradients of what this rank has alone over the ranks whose tokens they come from. */
  private void sumOwn() {
    Arrays.fill(gradientSum, owned.shared(), owned.size(), 0);
    float[] chunk = new float[Math.min(COPIED_AT_ONCE, owned.own())];
    for (int source = 0; source < communicator.worldSize(); source++) {
      long first = holding.common() + (long) source * owned.own();
      for (int start = 0; start < owned.own(); start += COPIED_AT_ONCE) {
        int count = Math.min(COPIED_AT_ONCE, owned.own() - start);
        model.gradients().get(first + start, chunk, 0, count);
        for (int i = 0; i < count; i++) {
          gradientSum[owned.shared() + start + i] += chunk[i];
        }
      }
    }
  }

  private double squaredSum() {
    double sum = 0;
    for (float value : gradientSum) {
      sum += (double) value * value;
    }
    return sum;
  }

  /** Rank 0 decides for all. */
  private boolean asksToStop(long step) throws IOException {
    return communicator.rank() == 0 && observer.wantsToStop(tokensSeen(step));
  }

  private long tokensSeen(long step) {
    return batches.sizes().through(step) * batches.source().length();
  }

  /** Sums the expert load over all ranks and moves the selection biases. */
  private long[] balanceExperts(long step) {
    if (model.expertBalance().isEmpty()) {
      return new long[0];
    }
    ExpertBalance balance = model.expertBalance().get();
    long[] load = communicator.allReduceSum(balance.takeLoad());
    balance.updateBias(load, (float) config.balance().gamma(shareSeen(step)));
    return load;
  }

  /** Share of the run's tokens in the steps up to and with a step, those of padding included. */
  private double shareSeen(long step) {
    return (double) batches.sizes().through(step) / batches.sizes().through(config.steps());
  }

  /** What reduce-scatter and all-gather would send in float32, from this rank. */
  private long float32WireBytes() {
    long own = layout.size(communicator.rank());
    return 4 * (layout.length() - own) + 4 * own * (communicator.worldSize() - 1);
  }

  /** Mean held-out loss of a token, the sequences dealt out to the ranks. */
  private double evaluate(long step) throws IOException {
    if (heldOut.isEmpty()) {
      return Double.NaN;
    }
    TokenSource source = heldOut.get();
    long count = Math.min(source.sequences(), config.every().evaluateSequences());
    double[] sums = new double[2];
    for (long first = 0; first < count; first += communicator.worldSize()) {
      long sequence = first + communicator.rank();
      Optional<TokenBatch> batch =
          sequence < count ? Optional.of(source.batch(sequence)) : Optional.empty();
      int predictions = batch.map(TokenBatch::predictions).orElse(0);
      if (predictions > 0) {
        sums[0] += model.loss(batch.get()) * predictions;
        sums[1] += predictions;
      } else {
        model.serveOthers(false, source.length());
      }
    }
    double[] all = communicator.allReduceSum(sums);
    double loss = all[0] / all[1];
    if (communicator.rank() == 0 && count > 0) {
      observer.evaluated(step, loss);
    }
    return loss;
  }

  private void checkpoint(long step) throws IOException {
    int worldSize = communicator.worldSize();
    float[] bias = model.expertBalance().map(ExpertBalance::bias).orElse(new float[0]);
    Safetensors shard = state.toFile(bias, weights.stored(), reduction.state());
    String digest = checkpoints.writeShard(step, communicator.rank(), worldSize, shard);
    byte[][] digests = communicator.allGatherBytes(digest.getBytes(StandardCharsets.US_ASCII));
    List<Ranges> ranges = rangesOfRanks();
    if (communicator.rank() == 0) {
      Map<String, String> files = new TreeMap<>();
      for (int rank = 0; rank < worldSize; rank++) {
        files.put(
            Checkpoints.shardFile(rank, worldSize),
            new String(digests[rank], StandardCharsets.US_ASCII));
      }
      observer.checkpointing(step);
      long position = batches.sizes().through(step);
      checkpoints.writeManifest(
          step,
          new Checkpoint.State(
              holding.length(),
              worldSize,
              position,
              settingsDigest,
              batches.order().stretches(),
              ranges),
          files);
      observer.checkpointed(step);
      checkpoints.prune(step, config.every().keep());
    }
    communicator.barrier();
  }

  /** What each rank owns; empty if these are even shards. */
  private List<Ranges> rangesOfRanks() {
    if (holding.isWhole()) {
      return List.of();
    }
    byte[] own = owned.ranges().written().getBytes(StandardCharsets.US_ASCII);
    return Arrays.stream(communicator.allGatherBytes(own))
        .map(written -> Ranges.parse(new String(written, StandardCharsets.US_ASCII)))
        .toList();
  }

  /** The newest whole checkpoint. Each rank looks for it; all must find the same. */
  private Optional<Checkpoint> newestCheckpoint() throws IOException {
    Optional<Checkpoint> newest =
        checkpoints.newestWhole(
            message -> {
              if (communicator.rank() == 0) {
                observer.message(message);
              }
            });
    communicator.requireIdentical(
        "the newest whole checkpoint's step", newest.map(Checkpoint::step).orElse(0L));
    return newest;
  }

  private void restore(Checkpoint checkpoint) throws IOException {
    takeNewDataIn(checkpoint.state());
    float[] bias = state.restore(checkpoints, checkpoint, holding.length());
    model.expertBalance().ifPresent(balance -> balance.setBias(bias));
    ShardState.restore(
        checkpoints, checkpoint, reduction.state(), communicator.rank(), communicator.worldSize());
    weights.start(state.master(), state.known(checkpoints, checkpoint));
  }

  /** Goes on in the checkpoint's order; sequences that it did not know come when its epoch ends. */
  private void takeNewDataIn(Checkpoint.State before) {
    if (before.stretches().isEmpty()) {
      if (before.position() > 0 && communicator.rank() == 0) {
        observer.message(
            "the checkpoint does not say how many sequences there were: they are seen as if always %,d"
                .formatted(batches.source().sequences()));
      }
      return;
    }
    long sequences = batches.source().sequences();
    SequenceOrder known = new SequenceOrder(before.stretches(), config.seed());
    SequenceOrder order = known.grown(before.position(), sequences);
    if (!order.equals(known) && communicator.rank() == 0) {
      long from = order.stretches().get(order.stretches().size() - 1).from();
      observer.message(
          "%,d sequences are new: the epoch of %,d is finished first, in %,d sequences, then all %,d are mixed"
              .formatted(
                  sequences - known.sequences(),
                  known.sequences(),
                  from - before.position(),
                  sequences));
    }
    batches = batches.with(order);
  }

  /** Of what all ranks have, and of what each has alone. */
  private long weightsDigest() {
    long digest = digest(0, holding.common());
    if (holding.isWhole()) {
      return digest;
    }
    long own = digest(holding.common(), model.parameters().length());
    byte[] bytes = ByteBuffer.allocate(Long.BYTES).putLong(own).array();
    for (byte[] ofRank : communicator.allGatherBytes(bytes)) {
      digest = mixed(digest, ByteBuffer.wrap(ofRank).getLong());
    }
    return digest;
  }

  private long digest(long from, long to) {
    float[] chunk = new float[COPIED_AT_ONCE];
    long digest = 0;
    for (long at = from; at < to; at += COPIED_AT_ONCE) {
      int count = (int) Math.min(COPIED_AT_ONCE, to - at);
      model.parameters().get(at, chunk, 0, count);
      for (int i = 0; i < count; i++) {
        digest = mixed(digest, Float.floatToRawIntBits(chunk[i]) + 1L);
      }
    }
    return digest;
  }

  private static long mixed(long digest, long value) {
    long product = digest * 0x9e3779b97f4a7c15L + value;
    return product ^ product >>> 29;
  }
}
