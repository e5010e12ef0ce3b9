package io.moraine.jobs.prepare;

import io.moraine.jobs.prepare.Manifest.FunnelStage;
import io.moraine.jobs.progress.Progress;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.SortedMap;
import java.util.TreeMap;
import org.apache.spark.sql.SparkSession;

/**
 * Tells which stage runs, to a person and in Spark's UI, and counts what each one removed, and what
 * of the input was no document.
 */
final class Funnel {

  private final SparkSession spark;
  private final Progress progress;
  private final List<FunnelStage> stages = new ArrayList<>();
  private SortedMap<String, Long> passedOver = Collections.emptySortedMap();

  Funnel(SparkSession spark, Progress progress) {
    this.spark = spark;
    this.progress = progress;
  }

  /** A stage begins. */
  void begin(String stage) {
    spark.sparkContext().setJobGroup("prepare", "prepare: " + stage, false);
    progress.start(stage);
  }

  /** The stage that began last is done; it removes no documents. */
  void done(String result) {
    progress.done(result);
  }

  /**
   * The stage that began last is done.
   *
   * @param format of what is told; its argument is {@code removed}
   */
  void counted(String stage, long in, long removed, String format) {
    stages.add(new FunnelStage(stage, in, removed, in - removed));
    progress.done(String.format(Locale.ROOT, "%,d " + format, in, removed));
  }

  /** Reading passed something over. */
  void passedOver(SortedMap<String, Long> counts) {
    passedOver = Collections.unmodifiableSortedMap(new TreeMap<>(counts));
  }

  /** What reading passed over: how often for each reason. */
  SortedMap<String, Long> passedOver() {
    return passedOver;
  }

  void say(String line) {
    progress.say(line);
  }

  /** What each stage did, in order. */
  List<FunnelStage> stages() {
    return List.copyOf(stages);
  }
}
