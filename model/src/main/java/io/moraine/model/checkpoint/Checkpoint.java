package io.moraine.model.checkpoint;

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
   */
  public record State(long length, int worldSize, long position, String settingsDigest) {}
}
