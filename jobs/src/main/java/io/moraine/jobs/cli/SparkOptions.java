package io.moraine.jobs.cli;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import scala.Tuple2;

/** Starts the session of a command with the settings that every command wants. */
final class SparkOptions {

  private static final String LOCAL_MODE = "local(\\[.*])?";

  private SparkOptions() {}

  /**
   * A session; what spark-submit was given wins over the defaults here.
   *
   * @param command the command's name, shown in the Spark UI
   */
  static SparkSession session(String command) {
    return session(command, new SparkConf());
  }

  /** The same without RAPIDS's plugin, which does not start without a GPU; its settings stay. */
  static SparkSession withoutPlugin(String command) {
    SparkConf conf = new SparkConf();
    remove(conf, "spark.plugins");
    remove(conf, "spark.shuffle.manager");
    return session(command, conf);
  }

  private static SparkSession session(String command, SparkConf conf) {
    conf.setAppName("moraine " + command);
    conf.setIfMissing("spark.master", "local[*]");
    if (conf.get("spark.master").matches(LOCAL_MODE)) {
      withoutResources(conf);
    }
    conf.setIfMissing("spark.sql.session.timeZone", "UTC");
    conf.setIfMissing("spark.sql.parquet.compression.codec", "zstd");
    // A barrier stage waits for its slots: look every 2 s, not every 15 s.
    conf.setIfMissing("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "2s");
    // Set before the session is there: afterwards it would load all of Spark SQL at once.
    SparkSession.Builder session = SparkSession.builder().config(conf);
    if (!conf.contains("spark.sql.shuffle.partitions")) {
      int cores = SparkContext.getOrCreate(conf).defaultParallelism();
      session.config("spark.sql.shuffle.partitions", 2L * cores);
    }
    return session.getOrCreate();
  }

  /** In local mode Spark assigns no resources, and a task that asks for one waits for ever. */
  private static void withoutResources(SparkConf conf) {
    for (Tuple2<String, String> setting : conf.getAll()) {
      if (setting._1().matches("spark[.](task|executor)[.]resource[.].*")) {
        remove(conf, setting._1());
      }
    }
  }

  /**
   * Of system properties too, as which spark-submit hands settings on: sessions read them again.
   */
  private static void remove(SparkConf conf, String setting) {
    conf.remove(setting);
    System.clearProperty(setting);
  }
}
