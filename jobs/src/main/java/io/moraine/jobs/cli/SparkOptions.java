package io.moraine.jobs.cli;

import org.apache.spark.SparkConf;
import org.apache.spark.sql.SparkSession;

/** Starts the session of a command with the settings that every command wants. */
final class SparkOptions {

  private SparkOptions() {}

  /**
   * A session; what spark-submit was given wins over the defaults here.
   *
   * @param command the command's name, shown in the Spark UI
   */
  static SparkSession session(String command) {
    SparkConf conf = new SparkConf().setAppName("moraine " + command);
    conf.setIfMissing("spark.master", "local[*]");
    conf.setIfMissing("spark.sql.session.timeZone", "UTC");
    conf.setIfMissing("spark.sql.parquet.compression.codec", "zstd");
    // A barrier stage waits for its slots: look every 2 s, not every 15 s.
    conf.setIfMissing("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "2s");
    boolean chosen = conf.contains("spark.sql.shuffle.partitions");
    SparkSession session = SparkSession.builder().config(conf).getOrCreate();
    if (!chosen) {
      int cores = session.sparkContext().defaultParallelism();
      session.conf().set("spark.sql.shuffle.partitions", String.valueOf(2 * cores));
    }
    return session;
  }
}
