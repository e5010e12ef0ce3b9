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

  /**
   * What all ranks have in common.
   *
   * @param length of the flat parameters, elements
   * @param worldSize number of ranks that wrote it
   * @param position sequences seen so far, over all ranks
   * @param settingsDigest of the run's settings
   * @param stretches of the order in which sequences are seen; empty if it was not recorded
   * @param ranges of the parameters in each rank's file; empty if these are even shards
   */
  public record State(
      long length,
      int worldSize,
      long position,
      String settingsDigest,
      List<SequenceOrder.Stretch> stretches,
      List<Ranges> ranges) {

    public State {
      stretches = stretches == null ? List.of() : List.copyOf(stretches);
      ranges = ranges == null ? List.of() : List.copyOf(ranges);
      if (!ranges.isEmpty() && (ranges.size() != worldSize || !Ranges.areWhole(ranges, length))) {
        throw new IllegalArgumentException(
            "the ranges of %d ranks do not make up %d parameters".formatted(worldSize, length));
      }
    }
  }
}
