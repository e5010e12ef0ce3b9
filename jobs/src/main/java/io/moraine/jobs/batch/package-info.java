/**
 * From a prepared dataset to the trainer's batches, behind {@link
 * io.moraine.model.data.TokenSource}: from Parquet to host memory here; classes that hand over GPU
 * memory have their place in this package too, compiled by the Maven profile {@code gpu} alone.
 */
package io.moraine.jobs.batch;
