package io.moraine.jobs.train;

/** What ended a step ended it again when it was repeated. */
public final class RepeatedFailureException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  RepeatedFailureException(String message, Throwable cause) {
    super(message, cause);
  }
}
