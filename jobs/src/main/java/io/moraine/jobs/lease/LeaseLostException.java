package io.moraine.jobs.lease;

import org.apache.hadoop.fs.Path;

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

  /** What failed for that reason. */
  static LeaseLostException of(Path folder, Throwable cause) {
    return new LeaseLostException(
        "%s: another process has taken the lease, this one can write there no more."
            .formatted(folder),
        cause);
  }
}
