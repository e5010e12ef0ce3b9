/**
 * Token batches: the {@link io.moraine.model.data.BatchReader} that a trainer reads and the order
 * in which it is read. Knows no file format; the adapter from the prepared dataset is in the jobs
 * module.
 */
package io.moraine.model.data;
