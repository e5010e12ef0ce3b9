package io.moraine.jobs.lease;

/**
 * This process may change the folder no longer: another one has taken the lease, or it could not be
 * renewed in time.
 */
public final class LeaseLostException extends RuntimeException {

  private static final long serialVersionUID = 1L;

  public LeaseLostException(String message) {
    super(message);
  }

  public LeaseLostException(String message, Throwable cause) {
    super(message, cause);
  }
}
