package io.moraine.jobs.train;

import java.util.Collections;
import java.util.Properties;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.spark.scheduler.SparkListener;
import org.apache.spark.scheduler.SparkListenerJobStart;
import org.apache.spark.scheduler.SparkListenerTaskStart;
import scala.jdk.javaapi.CollectionConverters;

/**
 * Counts the ranks that Spark has launched, from its events: its status store may not show a task
 * for seconds.
 */
final class BegunRanks extends SparkListener {

  private static final String GROUP = "spark.jobGroup.id";

  private final String group;
  private final AtomicInteger tasks = new AtomicInteger();

  /** That of the ranks: what they read of other stages is computed before. */
  private volatile int lastStage = -1;

  /**
   * Hears of jobs from when it is added on.
   *
   * @param group of the ranks' job
   */
  BegunRanks(String group) {
    this.group = group;
  }

  int count() {
    return tasks.get();
  }

  @Override
  public void onJobStart(SparkListenerJobStart started) {
    Properties properties = started.properties();
    if (properties != null && group.equals(properties.getProperty(GROUP))) {
      lastStage =
          Collections.max(
              CollectionConverters.asJava(started.stageIds()).stream()
                  .map(stage -> (Integer) stage)
                  .toList());
    }
  }

  @Override
  public void onTaskStart(SparkListenerTaskStart started) {
    if (started.stageId() == lastStage) {
      tasks.incrementAndGet();
    }
  }
}
