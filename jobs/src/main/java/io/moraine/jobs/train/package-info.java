/**
 * Training as a Spark job: one barrier stage, each task one rank; the run directory; evaluation and
 * generation from it.
 */
package io.moraine.jobs.train;
