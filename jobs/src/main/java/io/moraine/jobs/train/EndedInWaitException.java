package io.moraine.jobs.train;

/**
 * A start that has trained and lost a rank was asked to end, or its time was over, while its ranks
 * waited to begin again: an end like any other, with the newest checkpoint.
 */
public final class EndedInWaitException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  EndedInWaitException(String message) {
    super(message);
  }
}
