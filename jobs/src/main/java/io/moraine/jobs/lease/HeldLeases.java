package io.moraine.jobs.lease;

import static java.util.regex.Pattern.CASE_INSENSITIVE;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import java.nio.file.FileSystemException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import java.util.concurrent.atomic.AtomicReference;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.ParentNotDirectoryException;
import org.apache.hadoop.security.AccessControlException;
import org.apache.spark.SparkContext;
import org.apache.spark.sql.SparkSession;

/**
 * The leases that a command holds while it works, one of each folder that it writes. What it writes
 * stands on the lease's desk until it is whole; what a command that failed or was killed had
 * finished is there for the next one.
 */
public final class HeldLeases {

  /** After so long without a sign of life another process may take a lease. */
  public static final Duration EXPIRY = Duration.ofSeconds(60);

  /** What cannot be mended by naming another folder: the disk is full, too many files are open. */
  private static final Pattern PASSING =
      Pattern.compile("No space left|Too many open files|quota exceeded", CASE_INSENSITIVE);

  private final Configuration hadoop;
  private final Progress progress;
  private final Runnable cancel;
  private final List<Held> held = new ArrayList<>();
  private final AtomicReference<String> lost = new AtomicReference<>();

  private HeldLeases(Configuration hadoop, Progress progress, Runnable cancel) {
    this.hadoop = hadoop;
    this.progress = progress;
    this.cancel = cancel;
  }

  /** A lease, and the folder as people named it. */
  private record Held(String folder, Lease lease) {}

  /** What is done meanwhile. */
  public interface Work<T> {

    /** Takes the leases that it needs, and writes. */
    T with(HeldLeases leases) throws IOException;
  }

  /**
   * Does the work, and gives back all leases that it took. Spark's jobs of work that has lost one
   * are cancelled.
   *
   * @throws TryLaterException if another process has one of them
   * @throws LeaseLostException if another process took one meanwhile, or may soon
   */
  public static <T> T during(SparkSession spark, Progress progress, Work<T> work)
      throws IOException {
    SparkContext context = spark.sparkContext();
    String jobs = "moraine-" + UUID.randomUUID();
    context.addJobTag(jobs);
    try {
      return new HeldLeases(
              context.hadoopConfiguration(), progress, () -> context.cancelJobsWithTag(jobs))
          .during(work);
    } finally {
      context.removeJobTag(jobs);
    }
  }

  /** The same without Spark: work that has lost a lease ends where it publishes. */
  public static <T> T during(Configuration hadoop, Progress progress, Work<T> work)
      throws IOException {
    return new HeldLeases(hadoop, progress, () -> {}).during(work);
  }

  private <T> T during(Work<T> work) throws IOException {
    try {
      T result = work.with(this);
      giveBack(Lease::close);
      return result;
    } catch (Throwable e) { // whatever it is, the stages that were finished stay
      Optional<LeaseLostException> loss = loss(e);
      giveBack(Lease::leave);
      if (loss.isPresent()) {
        throw loss.get();
      }
      throw e;
    }
  }

  /**
   * Takes the lease of a folder that is replaced as a whole.
   *
   * @param folder any Hadoop path; it need not be there
   * @param option that named it, for the message
   * @return the place through which it may be replaced
   */
  public Desk replacing(String folder, String option) throws IOException {
    return take(folder, option, Leased.replaced(hadoop, folder, option));
  }

  /** The same of a folder that is added to. */
  public Desk extending(String folder, String option) throws IOException {
    return take(folder, option, Leased.extended(hadoop, folder, option));
  }

  private Desk take(String folder, String option, Leased leased) throws IOException {
    try {
      Lease lease = Lease.take(hadoop, leased, EXPIRY, this::giveUp);
      held.add(new Held(folder, lease));
      return lease.desk();
    } catch (FileSystemException | AccessControlException | ParentNotDirectoryException e) {
      if (PASSING.matcher(e.toString()).find()) {
        throw e;
      }
      throw new ConfigException(
          "%s %s: its lease cannot be taken, nothing can be written in %s (%s). Name another folder."
              .formatted(option, folder, leased.claims().getParent(), e),
          e);
    }
  }

  private void giveUp(String reason) {
    lost.set(reason);
    cancel.run();
  }

  /** Settings of the file systems. */
  public Configuration hadoop() {
    return hadoop;
  }

  /** Whether the work failed because a lease is lost. */
  private Optional<LeaseLostException> loss(Throwable failure) {
    Optional<String> reason = Optional.ofNullable(lost.get());
    for (Held one : held) {
      try {
        if (!one.lease().desk().stands()) {
          reason = Optional.of(one.folder() + ": another process took the lease");
        }
      } catch (IOException e) {
        failure.addSuppressed(e);
      }
    }
    return reason.map(
        why ->
            new LeaseLostException(
                "%s. This command writes no more. Start it again; prepare, dedup and tokenizer go on from the stages that were finished."
                    .formatted(why),
                failure));
  }

  /** How a lease is given back. */
  private interface GiveBack {
    void of(Lease lease) throws IOException;
  }

  /** What the work came to does not hang on it. */
  private void giveBack(GiveBack way) {
    for (Held one : held) {
      try {
        way.of(one.lease());
      } catch (IOException e) {
        progress.say(
            "the lease of %s could not be given back, it expires after %d s: %s"
                .formatted(one.folder(), EXPIRY.toSeconds(), e));
      }
    }
  }
}
