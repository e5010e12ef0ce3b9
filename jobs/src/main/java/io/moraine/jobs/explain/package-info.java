/**
 * What of a job would run on a GPU: {@link io.moraine.jobs.explain.PrepareExplanation}. Asks the
 * planner of the RAPIDS Accelerator by reflection, so that nothing here needs its jar to compile.
 */
package io.moraine.jobs.explain;
