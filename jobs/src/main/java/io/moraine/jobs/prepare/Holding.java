package io.moraine.jobs.prepare;

import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.Lease;
import io.moraine.jobs.lease.LeaseLostException;
import io.moraine.jobs.lease.Leased;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.SparkSession;

/**
 * A command's time as the holder of leases, one of each folder that it writes. What it writes
 * stands on the lease's desk until it is whole; what a command that failed or was killed had
 * finished is there for the next one.
 */
public final class Holding {

  /** After so long without a sign of life another process may take a lease. */
  public static final Duration EXPIRY = Duration.ofSeconds(60);

  private final SparkSession spark;
  private final Progress progress;
  private final String jobs = "moraine-" + UUID.randomUUID();
  private final List<Held> leases = new ArrayList<>();
  private final AtomicReference<String> lost = new AtomicReference<>();

  private Holding(SparkSession spark, Progress progress) {
    this.spark = spark;
    this.progress = progress;
  }

  /** A lease, and the folder as people named it. */
  private record Held(String folder, Lease lease) {}

  /** What is done meanwhile. */
  public interface Work<T> {

    /** Takes the leases that it needs, and writes. */
    T with(Holding holding) throws IOException;
  }

  /**
   * Does the work, and gives back all leases that it took.
   *
   * @throws TryLaterException if another process has one of them
   * @throws LeaseLostException if another process took one meanwhile, or may soon; nothing is
   *     published by this one then
   */
  public static <T> T during(SparkSession spark, Progress progress, Work<T> work)
      throws IOException {
    Holding holding = new Holding(spark, progress);
    spark.sparkContext().addJobTag(holding.jobs);
    try {
      return work.with(holding);
    } catch (Exception e) { // Spark throws checked ones that it does not declare
      holding.leave(e);
      throw e;
    } finally {
      holding.giveBack();
      spark.sparkContext().removeJobTag(holding.jobs);
    }
  }

  /**
   * Takes the lease of a folder.
   *
   * @param folder any Hadoop path; it need not be there
   * @param option that named it, for the message
   * @return the place through which it may be changed
   */
  public Desk take(String folder, String option) throws IOException {
    Leased leased = Leased.written(hadoop(), folder, option);
    Lease lease = Lease.take(hadoop(), leased, EXPIRY, this::giveUp);
    leases.add(new Held(folder, lease));
    return lease.desk();
  }

  private void giveUp(String reason) {
    lost.set(reason);
    spark.sparkContext().cancelJobsWithTag(jobs);
  }

  /** Settings of the file systems. */
  public Configuration hadoop() {
    return spark.sparkContext().hadoopConfiguration();
  }

  /**
   * Leaves what was written to the next holder.
   *
   * @throws LeaseLostException if the work failed because there is one already, or may soon be
   */
  private void leave(Exception failure) {
    for (Held held : leases) {
      Optional<String> loss = Optional.ofNullable(lost.get());
      try {
        if (held.lease().desk().stands()) {
          held.lease().desk().leave();
        } else {
          loss = Optional.of("another process took the lease");
        }
      } catch (IOException e) {
        failure.addSuppressed(e);
      }
      if (loss.isPresent()) {
        throw new LeaseLostException(
            "%s: %s. Nothing of this command was published; started again it goes on behind the stages that were finished."
                .formatted(held.folder(), loss.get()),
            failure);
      }
    }
  }

  /** What the work came to does not hang on it. */
  private void giveBack() {
    for (Held held : leases) {
      try {
        held.lease().close();
      } catch (IOException e) {
        progress.say(
            "the lease of %s could not be given back, it expires after %d s: %s"
                .formatted(held.folder(), EXPIRY.toSeconds(), e));
      }
    }
  }
}
