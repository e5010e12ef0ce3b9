package io.moraine.jobs.train;

import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.LeaseLostException;
import java.util.Optional;
import java.util.function.Supplier;

/**
 * The driver's time as holder of the lease.
 *
 * @param desk through which the run's folder is changed
 * @param status to say where the run stands
 * @param lostBecause why the lease is lost, once it is
 */
record Tenure(Desk desk, DriverStatus status, Supplier<Optional<String>> lostBecause) {

  /** Whether the lease is lost. */
  boolean isOver() {
    return lostBecause.get().isPresent();
  }

  /**
   * Requires that the lease is not lost.
   *
   * @param run for the message
   * @throws LeaseLostException if it is
   */
  void requireLease(RunFolder run) {
    if (isOver()) {
      throw new LeaseLostException("%s: the lease is lost.".formatted(run.root()));
    }
  }
}
