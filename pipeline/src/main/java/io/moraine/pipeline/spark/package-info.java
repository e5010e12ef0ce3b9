/**
 * The pipeline on Spark: functions from Dataset to Dataset. The only package here that imports
 * Spark; every result is independent of the number and the order of partitions.
 */
package io.moraine.pipeline.spark;
