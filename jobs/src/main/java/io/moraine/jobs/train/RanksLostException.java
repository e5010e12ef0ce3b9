package io.moraine.jobs.train;

/** Ranks were lost more often than this process may begin again. */
public final class RanksLostException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  RanksLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
