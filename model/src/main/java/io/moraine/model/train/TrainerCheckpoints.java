package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.collective.Communicator;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.data.StepBatches;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;

/**
 * The checkpoints of a rank's run: which one it goes on from, what becomes of that, and those that
 * it writes. All ranks call its methods together.
 */
final class TrainerCheckpoints implements AutoCloseable {

  private final Checkpoints checkpoints;
  private final Communicator communicator;
  private final TrainObserver observer;
  private final String settingsDigest;
  private final RankState state;
  private final CheckpointWriter writer;

  TrainerCheckpoints(
      Checkpoints checkpoints,
      Communicator communicator,
      TrainObserver observer,
      String settingsDigest,
      TrainConfig.Every every,
      RankState state) {
    this.checkpoints = checkpoints;
    this.communicator = communicator;
    this.observer = observer;
    this.settingsDigest = settingsDigest;
    this.state = state;
    this.writer = new CheckpointWriter(checkpoints, communicator, observer, every);
  }

  /**
   * The newest whole checkpoint. Each rank looks for it; all must find the same. Damaged ones that
   * are newer are put aside then.
   */
  Optional<Checkpoint> newest() throws IOException {
    Optional<Checkpoint> newest = checkpoints.newestWhole(this::tell);
    communicator.requireIdentical(
        "the newest whole checkpoint's step", newest.map(Checkpoint::step).orElse(-1L));
    if (newest.isPresent() && communicator.rank() == 0) {
      checkpoints.setAside(newest.get().step(), observer::message);
    }
    return newest;
  }

  /** Makes everything as in a checkpoint but the order of sequences. */
  void restore(Checkpoint checkpoint) throws IOException {
    if (!state.restore(checkpoints, checkpoint, communicator)) {
      tell(
          "what gradients owed is dropped: it is of other parameters or another rank of powersgd; train.experts.placement or train.wire.powersgd-rank has changed");
    }
    state.giveWeights(checkpoints, checkpoint);
  }

  /** Batches in a checkpoint's order; sequences that it did not know come when its epoch ends. */
  StepBatches inOrderOf(Checkpoint checkpoint, StepBatches batches) {
    Checkpoint.State before = checkpoint.state();
    long sequences = batches.source().sequences();
    if (before.stretches().isEmpty()) {
      if (before.position() > 0) {
        tell(
            "the checkpoint does not say how many sequences there were: they are seen as if always %,d"
                .formatted(sequences));
      }
      return batches;
    }
    SequenceOrder known = new SequenceOrder(before.stretches(), batches.order().seed());
    SequenceOrder order = before.order(batches.order().seed(), sequences);
    if (!order.equals(known)) {
      long from = order.stretches().get(order.stretches().size() - 1).from();
      tell(
          "%,d sequences are new: the epoch of %,d is finished first, in %,d sequences, then all %,d are mixed"
              .formatted(
                  sequences - known.sequences(),
                  known.sequences(),
                  from - before.position(),
                  sequences));
    }
    return batches.with(order);
  }

  /**
   * Begins a checkpoint of what there is now.
   *
   * @param heldOutLoss after the step; NaN if it was not measured
   * @param heldOutSequences that it is measured on
   */
  void begin(
      long step,
      StepBatches batches,
      Checkpoint.History history,
      double heldOutLoss,
      long heldOutSequences)
      throws IOException {
    boolean isMeasured = !Double.isNaN(heldOutLoss);
    writer.begin(
        step,
        new Checkpoint.State(
            state.modelLength(),
            communicator.worldSize(),
            batches.sizes().through(step),
            settingsDigest,
            batches.order().stretches(),
            rangesOfRanks(),
            history,
            isMeasured ? (Double) heldOutLoss : null,
            isMeasured ? heldOutSequences : 0),
        state.toSafetensors());
  }

  /** What each rank owns; empty if these are even shards. */
  private List<Ranges> rangesOfRanks() {
    if (state.hasEvenShards()) {
      return List.of();
    }
    byte[] own = state.owned().modelRanges().written().getBytes(StandardCharsets.US_ASCII);
    return Arrays.stream(communicator.allGatherBytes(own))
        .map(written -> Ranges.parse(new String(written, StandardCharsets.US_ASCII)))
        .toList();
  }

  /** Whether this rank is done with a checkpoint that is not finished yet, in whichever way. */
  boolean hasWritten() {
    return writer.hasWritten();
  }

  /** Makes the checkpoint that is being written whole, if there is one. */
  void finish() throws IOException {
    writer.finish();
  }

  /** Rank 0 speaks for all. */
  private void tell(String message) {
    if (communicator.rank() == 0) {
      observer.message(message);
    }
  }

  /** Waits until nothing is being written. */
  @Override
  public void close() {
    writer.close();
  }
}
