package io.moraine.jobs.train;

/**
 * This process may write into the run's folder no longer: another one has taken the lease, or it
 * could not be renewed in time.
 */
public final class LeaseLostException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  LeaseLostException(String message) {
    super(message);
  }

  LeaseLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
