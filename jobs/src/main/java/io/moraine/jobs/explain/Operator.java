package io.moraine.jobs.explain;

/**
 * An operator of a plan, or an expression of one that goes through the bridge.
 *
 * @param name Spark's, without Exec at the end
 * @param place where it would run
 * @param reason RAPIDS's, why it is not the GPU; "" where it is
 */
public record Operator(String name, Place place, String reason) {}
