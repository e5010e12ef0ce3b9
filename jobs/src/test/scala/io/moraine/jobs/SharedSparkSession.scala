package io.moraine.jobs

import org.apache.spark.sql.SparkSession

/** One local session with two slots for all suites of this module; never stopped by a suite. */
trait SharedSparkSession {
  lazy val spark: SparkSession = SparkSession
    .builder()
    .master("local[2]")
    .appName("jobs tests")
    .config("spark.ui.enabled", "false")
    // Suites plan the same queries again and again; by default the classes of 100 stages are kept.
    .config("spark.sql.codegen.cache.maxEntries", "5000")
    .config("spark.network.timeout", "3600s") // a machine that stands still has lost no executor
    .config("spark.sql.shuffle.partitions", "4")
    .config("spark.sql.session.timeZone", "UTC")
    .config("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "2s")
    .getOrCreate()
}
