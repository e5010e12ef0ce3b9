/**
 * From a prepared dataset to the trainer's batches, behind {@link
 * io.moraine.model.data.BatchReader}: from Parquet to host memory, which is read in any order
 * ({@link io.moraine.model.data.TokenSource}), or as columnar tables that lie in a GPU's memory, in
 * the order of the run. What needs cudf is compiled by the Maven profile {@code gpu} alone.
 */
package io.moraine.jobs.batch;
