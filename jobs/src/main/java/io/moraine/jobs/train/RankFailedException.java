package io.moraine.jobs.train;

/** A rank failed; says in which step. */
final class RankFailedException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  /**
   * Of a failure.
   *
   * @param step at which it happened; 0 before the first
   */
  RankFailedException(long step, Exception cause) {
    super("step %d: %s".formatted(step, cause), cause);
  }
}
