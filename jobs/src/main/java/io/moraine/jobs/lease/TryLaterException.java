package io.moraine.jobs.lease;

/** Nothing is wrong, but not now: somebody else has what is needed. The message says who. */
public final class TryLaterException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public TryLaterException(String message) {
    super(message);
  }

  public TryLaterException(String message, Throwable cause) {
    super(message, cause);
  }
}
