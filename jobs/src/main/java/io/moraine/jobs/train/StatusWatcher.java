package io.moraine.jobs.train;

import io.moraine.jobs.progress.Progress;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.List;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.function.Consumer;
import org.apache.hadoop.conf.Configuration;

/** Follows status.json from the driver: a line now and then, and every message. */
final class StatusWatcher {

  /** Away from a terminal a line is said this often. */
  private static final long LINE_MILLIS = 15_000;

  private final Configuration hadoop;
  private final RunFolder run;
  private final Progress progress;
  private final Consumer<Status> follower;
  private String message = "";
  private List<String> samples = List.of();
  private long lastLineMillis;
  private long lastStep = -1;
  private String lastLine = "";

  /**
   * Looks at nothing yet.
   *
   * @param follower is told every status that is read
   */
  StatusWatcher(Configuration hadoop, RunFolder run, Progress progress, Consumer<Status> follower) {
    this.hadoop = hadoop;
    this.run = run;
    this.progress = progress;
    this.follower = follower;
  }

  void watch(AtomicBoolean ended) {
    boolean last = false;
    while (!last) {
      last = ended.get();
      try {
        show(Status.parse(run.read(hadoop, run.status())), last);
        if (!last) {
          Thread.sleep(TrainJob.WATCH_MILLIS);
        }
      } catch (FileNotFoundException e) {
        sleepQuietly();
      } catch (IOException e) {
        progress.update("status.json cannot be read: " + e.getMessage());
        sleepQuietly();
      } catch (InterruptedException e) {
        Thread.currentThread().interrupt();
        return;
      }
    }
  }

  private void show(Status status, boolean last) {
    follower.accept(status);
    if (!status.message.isEmpty() && !status.message.equals(message)) {
      message = status.message;
      progress.say("train: " + message);
    }
    if (!status.samples.equals(samples)) {
      samples = status.samples;
      samples.forEach(sample -> progress.say("train: " + sample));
    }
    boolean isOfRanks =
        !status.state.equals(Status.STARTING) && !status.state.equals(Status.RECOVERING);
    boolean hasBegun = status.tokensPerSecond > 0; // this start has made a step
    if (isOfRanks && hasBegun && (last || status.step != lastStep)) {
      lastStep = status.step;
      showLine(status.line(), last);
    }
  }

  private void showLine(String line, boolean last) {
    long now = System.currentTimeMillis();
    if (now - lastLineMillis >= LINE_MILLIS || last && !line.equals(lastLine)) {
      lastLineMillis = now;
      lastLine = line;
      progress.say("train: " + line);
    } else {
      progress.update(line);
    }
  }

  private static void sleepQuietly() {
    try {
      Thread.sleep(TrainJob.WATCH_MILLIS);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
