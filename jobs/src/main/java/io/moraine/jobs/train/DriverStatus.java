package io.moraine.jobs.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import io.moraine.jobs.lease.LeasedWriter;
import java.io.IOException;
import java.util.List;
import org.apache.hadoop.conf.Configuration;

/**
 * What the driver says in status.json: that ranks start, or start again, and why the run ended. The
 * numbers stay those that were there.
 */
final class DriverStatus {

  private final Configuration hadoop;
  private final RunFolder run;
  private final LeasedWriter writer;

  /**
   * Says nothing yet.
   *
   * @param writer of the lease's holder
   */
  DriverStatus(Configuration hadoop, RunFolder run, LeasedWriter writer) {
    this.hadoop = hadoop;
    this.run = run;
    this.writer = writer;
  }

  /**
   * The lease is taken; nothing else is known yet.
   *
   * @param resume whether what the run was before matters
   * @param steps of the run
   */
  void starting(boolean resume, long steps) throws IOException {
    Status status = resume ? newest() : new Status();
    status.steps = steps;
    status.tokensPerSecond = 0;
    status.secondsToGo = null;
    status.message = "";
    status.samples = List.of();
    write(status, Status.STARTING, "");
  }

  /** The ranks do not begin yet; what it was before, starting or recovering, it still is. */
  void waiting(String why) throws IOException {
    Status status = newest();
    write(status, status.state, why);
  }

  /** All ranks begin again. */
  void recovering(String why) throws IOException {
    Status status = newest();
    write(status, Status.RECOVERING, why);
  }

  /**
   * It is over.
   *
   * @param state stopped or failed
   * @param reason in a line
   */
  void ended(String state, String reason) throws IOException {
    write(newest(), state, reason);
  }

  private void write(Status status, String state, String reason) throws IOException {
    status.state = state;
    status.reason = reason;
    writer.show(run.status(), status.rendered());
  }

  /** As it was written last; what is not there or cannot be read begins anew. */
  private Status newest() throws IOException {
    if (!run.status().getFileSystem(hadoop).exists(run.status())) {
      return new Status();
    }
    try {
      return Status.parse(run.read(hadoop, run.status()));
    } catch (JsonProcessingException e) {
      return new Status();
    }
  }
}
