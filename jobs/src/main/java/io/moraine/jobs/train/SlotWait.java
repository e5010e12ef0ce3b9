package io.moraine.jobs.train;

import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceProfile;

/**
 * Waits until the cluster has a slot for every rank: executors may be still to come. Spark would
 * wait too, but nothing could end that.
 */
final class SlotWait {

  private static final long LOOK_MILLIS = 1000;

  /** The look at which it is said: executors that are just starting are no wait. */
  private static final int SAID_AT = 6;

  private final SparkContext spark;
  private final Configuration hadoop;
  private final Duration longest;
  private final Progress progress;
  private final Tenure tenure;

  /**
   * Waits for nothing yet.
   *
   * @param longest then it gives up
   * @param tenure of the lease; when it is over nothing is waited for
   */
  SlotWait(SparkContext spark, Duration longest, Progress progress, Tenure tenure) {
    this.spark = spark;
    this.hadoop = spark.hadoopConfiguration();
    this.longest = longest;
    this.progress = progress;
    this.tenure = tenure;
  }

  /**
   * Waits.
   *
   * @param stage of the ranks, an element each
   * @return why it was given up; empty if there are slots for all
   * @throws TryLaterException if the run is to end before: by a signal, the file {@code stop} or
   *     its time
   */
  Optional<String> await(RDD<?> stage, RunFolder run, Limits limits) throws IOException {
    int ranks = stage.getNumPartitions();
    int slots = slots(stage);
    long begun = System.nanoTime();
    for (int look = 1; slots < ranks && System.nanoTime() - begun < longest.toNanos(); look++) {
      requireWanted(run, limits);
      if (look == SAID_AT) {
        say(ranks, slots);
      }
      pause();
      slots = slots(stage);
    }
    return slots < ranks
        ? Optional.of(
            "--ranks %d need as many slots at once, and after %d s the cluster had %d. Use fewer ranks, or more executors."
                .formatted(ranks, longest.toSeconds(), slots))
        : Optional.empty();
  }

  private void say(int ranks, int slots) throws IOException {
    String waiting =
        "waits for the cluster: %d ranks need as many slots at once, it has %d. Gives up after %d s (train.slots-wait-seconds)"
            .formatted(ranks, slots, longest.toSeconds());
    tenure.status().waiting(waiting);
    progress.say("train: " + waiting);
  }

  /** As Spark counts them before it begins a barrier stage. */
  private int slots(RDD<?> stage) {
    ResourceProfile profile =
        Optional.ofNullable(stage.getResourceProfile())
            .orElseGet(() -> spark.resourceProfileManager().defaultResourceProfile());
    return spark.maxNumConcurrentTasks(profile);
  }

  private void requireWanted(RunFolder run, Limits limits) throws IOException {
    tenure.requireLease(run);
    run.requireUnstopped(hadoop);
    Optional<String> reason =
        tenure.desk().isAskedToEnd()
            ? Optional.of("the process was asked to end")
            : limits.reached(0, System.currentTimeMillis());
    if (reason.isPresent()) {
      throw new TryLaterException(
          "%s: %s while it waited for slots. Start it again, or give it more executors."
              .formatted(run.root(), reason.get()));
    }
  }

  private static void pause() {
    try {
      Thread.sleep(LOOK_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted while waiting for slots", e);
    }
  }
}
