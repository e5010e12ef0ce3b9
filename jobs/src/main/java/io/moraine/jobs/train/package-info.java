/**
 * Training as a Spark job: one barrier stage, each task one rank; the run directory; evaluation,
 * generation, export and import.
 */
package io.moraine.jobs.train;
