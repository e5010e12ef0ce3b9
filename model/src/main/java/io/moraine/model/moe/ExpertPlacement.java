package io.moraine.model.moe;

/**
 * Which rank owns which of a layer's routed experts: runs of them, as even as they can be.
 *
 * @param experts of a layer, E
 * @param worldSize number of ranks, P
 */
public record ExpertPlacement(int experts, int worldSize) {

  /** A rank's first expert. */
  public int from(int rank) {
    return (int) ((long) rank * experts / worldSize);
  }

  /** The one behind its last. */
  public int to(int rank) {
    return from(rank + 1);
  }

  /** Whether an expert is a rank's. */
  public boolean owns(int rank, int expert) {
    return expert >= from(rank) && expert < to(rank);
  }

  /** Experts of a rank; 0 for some where there are fewer than ranks. */
  public int count(int rank) {
    return to(rank) - from(rank);
  }
}
