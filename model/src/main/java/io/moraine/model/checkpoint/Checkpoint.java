package io.moraine.model.checkpoint;

import io.moraine.model.data.SequenceOrder;
import java.util.List;
import java.util.Map;

/**
 * A whole checkpoint that was found.
 *
 * @param step after which it was written
 * @param folder in the storage
 * @param state of the run, the same for all ranks
 * @param files names of its files with their SHA-256
 */
public record Checkpoint(long step, String folder, State state, Map<String, String> files) {

  /** Not that of step 0 that roll-back needs: such a run has not begun, and may be another. */
  public boolean isToGoOnFrom() {
    return step > 0 || state.stretches().isEmpty();
  }

  /**
   * What all ranks have in common.
   *
   * @param length of the flat parameters, elements
   * @param worldSize number of ranks that wrote it
   * @param position sequences seen so far, over all ranks
   * @param settingsDigest of the run's settings
   * @param stretches of the order in which sequences are seen; empty if it was not recorded
   * @param ranges of the parameters in each rank's file; empty if these are even shards
   * @param history of the steps so far
   * @param heldOutLoss after the step, nats per token; null if it was not measured
   * @param heldOutSequences that it was measured on, the first ones; 0 if that was not recorded
   */
  public record State(
      long length,
      int worldSize,
      long position,
      String settingsDigest,
      List<SequenceOrder.Stretch> stretches,
      List<Ranges> ranges,
      History history,
      Double heldOutLoss,
      long heldOutSequences) {

    public State {
      stretches = stretches == null ? List.of() : List.copyOf(stretches);
      ranges = ranges == null ? List.of() : List.copyOf(ranges);
      history = history == null ? History.EMPTY : history;
      if (!ranges.isEmpty() && (ranges.size() != worldSize || !Ranges.areWhole(ranges, length))) {
        throw new IllegalArgumentException(
            "the ranges of %d ranks do not make up %d parameters".formatted(worldSize, length));
      }
    }

    /**
     * The order in which sequences are seen from there on: those that are new come when the epoch
     * ends. Of a checkpoint that did not record it, as if there had always been as many.
     *
     * @param seed of the run
     * @param sequences that there are now
     */
    public SequenceOrder order(long seed, long sequences) {
      return stretches.isEmpty()
          ? new SequenceOrder(sequences, seed)
          : new SequenceOrder(stretches, seed).grown(position, sequences);
    }
  }

  /**
   * What a run remembers of its steps.
   *
   * @param leftOut number of steps whose update is not in the weights
   * @param losses of the newest good steps, the oldest first
   * @param bad all bad steps so far
   */
  public record History(long leftOut, List<Double> losses, List<BadStep> bad) {

    /** Of a run that has not begun, or did not record it. */
    public static final History EMPTY = new History(0, List.of(), List.of());

    public History {
      losses = List.copyOf(losses);
      bad = List.copyOf(bad);
    }
  }

  /**
   * A step whose loss or gradient was no good.
   *
   * @param step from 1
   * @param from first step whose update is not in the weights because of it; the last is this one
   * @param why it was bad, for people
   */
  public record BadStep(long step, long from, String why) {}
}
