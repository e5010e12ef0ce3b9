package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoints;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Supplier;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceProfile;

/**
 * Waits until the cluster has a slot for every rank, as executors may be still to come, and until
 * the ranks run in them, as one may be lost in between. Spark would wait too, but nothing could end
 * that.
 */
final class SlotWait {

  private static final long LOOK_MILLIS = 1000;

  /** Longest that a launch takes on a busy machine where nothing is in its way. */
  private static final long LAUNCH_MILLIS = 10_000;

  /** The look at which it is said: executors that are just starting are no wait. */
  private static final int SAID_AT = 6;

  private final SparkContext spark;
  private final Configuration hadoop;
  private final Duration longest;
  private final Progress progress;
  private final Tenure tenure;
  private final RunFolder run;
  private final Limits limits;
  private final boolean hasTrained;

  /**
   * Waits for nothing yet.
   *
   * @param longest then it gives up
   * @param tenure of the lease; when it is over nothing is waited for
   * @param limits of the process
   * @param hasTrained whether ranks of this process have begun before
   */
  SlotWait(
      SparkContext spark,
      Duration longest,
      Progress progress,
      Tenure tenure,
      RunFolder run,
      Limits limits,
      boolean hasTrained) {
    this.spark = spark;
    this.hadoop = spark.hadoopConfiguration();
    this.longest = longest;
    this.progress = progress;
    this.tenure = tenure;
    this.run = run;
    this.limits = limits;
    this.hasTrained = hasTrained;
  }

  /**
   * Waits for slots.
   *
   * @param stage of the ranks, an element each
   * @throws ConfigException if there are too few; {@link RanksLostException} if ranks have begun
   * @throws TryLaterException if the run is to end before: by a signal, the file {@code stop} or
   *     its time; {@link EndedInWaitException} if ranks have begun, and have left a checkpoint
   */
  void await(RDD<?> stage) throws IOException {
    int ranks = stage.getNumPartitions();
    int slots = slots(stage);
    long begun = System.nanoTime();
    for (int look = 1; slots < ranks && System.nanoTime() - begun < longest.toNanos(); look++) {
      requireWanted();
      if (look == SAID_AT) {
        say(ranks, slots);
      }
      pause();
      slots = slots(stage);
    }
    if (slots < ranks) {
      throw tooFew(ranks, slots);
    }
  }

  /**
   * Runs the stage; until all its tasks run, what ends the wait for slots ends this one too.
   *
   * @param job of the stage, in a job group
   * @param group of the job
   * @throws RuntimeException as {@link #await}
   */
  <T> T launch(RDD<?> stage, String group, Supplier<T> job) throws IOException {
    BegunRanks begun = new BegunRanks(group);
    spark.addSparkListener(begun);
    AtomicReference<Exception> end = new AtomicReference<>();
    CountDownLatch over = new CountDownLatch(1);
    Thread watch = new Thread(() -> watch(stage, group, begun, end, over), "moraine launch");
    watch.setDaemon(true);
    watch.start();
    try {
      return job.get();
    } catch (Exception e) { // Spark throws checked ones that it does not declare
      throwEnd(end.get(), e);
      throw e;
    } finally {
      over.countDown();
      spark.removeSparkListener(begun);
    }
  }

  private static void throwEnd(Exception end, Exception cancelled) throws IOException {
    if (end == null) {
      return;
    }
    end.addSuppressed(cancelled);
    if (end instanceof IOException unreadable) {
      throw unreadable;
    }
    throw (RuntimeException) end;
  }

  /** Looks until the ranks run, or the job is over; says in {@code end} why it has to be. */
  private void watch(
      RDD<?> stage,
      String group,
      BegunRanks begun,
      AtomicReference<Exception> end,
      CountDownLatch over) {
    int ranks = stage.getNumPartitions();
    long enough = System.nanoTime();
    try {
      boolean isOver = over.await(LAUNCH_MILLIS, TimeUnit.MILLISECONDS);
      while (!isOver && !spark.isStopped()) {
        if (end.get() == null) {
          if (begun.count() >= ranks) {
            return;
          }
          int slots = slots(stage);
          enough = slots < ranks ? enough : System.nanoTime();
          end.set(reasonToEnd(ranks, slots, System.nanoTime() - enough));
        }
        if (end.get() != null) { // again and again: Spark may not have begun with the job yet
          spark.cancelJobGroup(group);
        }
        isOver = over.await(LOOK_MILLIS, TimeUnit.MILLISECONDS);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }

  /** Null if there is none. */
  private Exception reasonToEnd(int ranks, int slots, long nanosWithTooFew) {
    try {
      requireWanted();
      return nanosWithTooFew < longest.toNanos() || slots >= ranks ? null : tooFew(ranks, slots);
    } catch (IOException | RuntimeException e) {
      return e;
    }
  }

  private RuntimeException tooFew(int ranks, int slots) {
    String missing =
        "--ranks %d need as many slots at once, and after %d s the cluster had %d. Use fewer ranks, or more executors."
            .formatted(ranks, longest.toSeconds(), slots);
    return hasTrained
        ? new RanksLostException("a rank was lost: " + missing, null)
        : new ConfigException(missing);
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

  private void requireWanted() throws IOException {
    tenure.requireLease(run);
    Optional<String> reason = reason();
    if (reason.isEmpty()) {
      return;
    }
    long checkpoint =
        hasTrained
            ? new Checkpoints(new HadoopStorage(hadoop, run.root()))
                .finished().stream().mapToLong(step -> step).max().orElse(0)
            : 0;
    if (checkpoint > 0) {
      throw new EndedInWaitException(
          "%s: %s while its ranks waited for slots to begin again. Its newest checkpoint is of step %d."
              .formatted(run.root(), reason.get(), checkpoint));
    }
    run.requireUnstopped(hadoop);
    throw new TryLaterException(
        "%s: %s while it waited for slots. Start it again, or give it more executors."
            .formatted(run.root(), reason.get()));
  }

  /** Why it is to end, if it is. */
  private Optional<String> reason() throws IOException {
    if (run.stop().getFileSystem(hadoop).exists(run.stop())) {
      return Optional.of("there is a file " + run.stop());
    }
    return tenure.desk().isAskedToEnd()
        ? Optional.of("the process was asked to end")
        : limits.reached(0, System.nanoTime());
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
