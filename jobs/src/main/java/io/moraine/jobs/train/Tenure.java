package io.moraine.jobs.train;

import java.util.function.BooleanSupplier;

/**
 * The driver's time as holder of the lease.
 *
 * @param desk through which the run's folder is changed
 * @param status to say where the run stands
 * @param isOver whether the lease is lost
 */
record Tenure(Desk desk, DriverStatus status, BooleanSupplier isOver) {}
