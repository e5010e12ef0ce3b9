package io.moraine.model.collective;

/**
 * A collective that did not come to its end: a peer was lost, slow or wrong. Ends the operation on
 * every rank; the message names operation, step, rank and peer.
 */
public final class CollectiveException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Says what went wrong.
   *
   * @param detail what is wrong, the peer named
   */
  public CollectiveException(String operation, long step, int rank, int worldSize, String detail) {
    super("%s at step %d on rank %d of %d: %s".formatted(operation, step, rank, worldSize, detail));
  }
}
