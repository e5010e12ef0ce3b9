package io.moraine.jobs.explain;

import org.apache.spark.sql.catalyst.plans.logical.LogicalPlan;

/**
 * A query as Spark planned it.
 *
 * @param stage of the job in which it was planned
 * @param name the table that it writes, or the method that asks for its rows
 * @param plan optimized
 */
record PlannedQuery(String stage, String name, LogicalPlan plan) {}
