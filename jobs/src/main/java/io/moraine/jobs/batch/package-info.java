/**
 * From a prepared dataset to the trainer's batches, behind {@link
 * io.moraine.model.data.TokenSource}: from Parquet to host memory, or as columnar tables that lie
 * in a GPU's memory, of which what needs cudf is compiled by the Maven profile {@code gpu} alone.
 */
package io.moraine.jobs.batch;
