package io.moraine.jobs.train;

import org.apache.spark.SparkContext;

/** How many threads may compute in the driver's process. */
final class LocalThreads {

  private LocalThreads() {}

  /**
   * In local mode as many as Spark's tasks have cores, as far as there are processors; else one for
   * each processor of this machine.
   */
  static int of(SparkContext context) {
    int processors = Runtime.getRuntime().availableProcessors();
    return context.isLocal()
        ? Math.max(1, Math.min(processors, slots(context) * coresPerTask(context)))
        : processors;
  }

  /** How many tasks run at once. */
  static int slots(SparkContext context) {
    return context.maxNumConcurrentTasks(context.resourceProfileManager().defaultResourceProfile());
  }

  static int coresPerTask(SparkContext context) {
    return context.getConf().getInt("spark.task.cpus", 1);
  }
}
