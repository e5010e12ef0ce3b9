package io.moraine.jobs.cli;

import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;
import scala.Tuple2;

/** Starts the session of a command with the settings that every command wants. */
final class SparkOptions {

  private static final String LOCAL_MODE = "local(\\[.*])?";
  private static final String PARTITIONS = "spark.sql.shuffle.partitions";

  /** Spark's own default. */
  private static final int CLUSTER_PARTITIONS = 200;

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
    complete(command, conf);
    SparkContext context = SparkContext.getOrCreate(conf);
    SparkSession.Builder session = SparkSession.builder().sparkContext(context).config(conf);
    if (!conf.contains(PARTITIONS)) {
      // Not behind the session's start: that would load all of Spark SQL there and then.
      session.config(PARTITIONS, partitions(context));
    }
    return session.getOrCreate();
  }

  /**
   * How many tasks corpora are dealt out to: twice the cores, on a cluster no fewer than Spark
   * would take, as executors may still be on their way.
   */
  static int partitions(SparkContext context) {
    return partitions(context.isLocal(), context.defaultParallelism());
  }

  static int partitions(boolean isLocal, int cores) {
    return isLocal ? 2 * cores : Math.max(CLUSTER_PARTITIONS, 2 * cores);
  }

  /** Puts in what every command wants and nobody has given. */
  static void complete(String command, SparkConf conf) {
    conf.setAppName("moraine " + command);
    conf.setIfMissing("spark.master", "local[*]");
    if (conf.get("spark.master").matches(LOCAL_MODE)) {
      withoutResources(conf);
    }
    conf.setIfMissing("spark.sql.session.timeZone", "UTC");
    conf.setIfMissing("spark.sql.parquet.compression.codec", "zstd");
    // A barrier stage waits for its slots: look every 2 s, not every 15 s.
    conf.setIfMissing("spark.scheduler.barrier.maxConcurrentTasksCheck.interval", "2s");
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
