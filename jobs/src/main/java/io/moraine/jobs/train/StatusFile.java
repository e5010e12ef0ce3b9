package io.moraine.jobs.train;

import io.moraine.model.train.StepMetrics;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;

/** Keeps status.json up to date, about once a second and where something happened. */
final class StatusFile {

  static final long MILLIS = 1000;

  /** Shown speed is a moving average over about this many steps. */
  private static final double SPEED_STEPS = 20;

  private final Configuration hadoop;
  private final RunFolder folder;
  private final long steps;
  private String state = "starting";
  private long resumedFrom;
  private long step;
  private Double loss;
  private Double heldOutLoss;
  private long tokensSeen;
  private double tokensPerSecond;
  private double maxViolation;
  private long wireBytes;
  private long badSteps;
  private long lastCheckpoint;
  private String message = "";
  private long writtenMillis;

  StatusFile(Configuration hadoop, RunFolder folder, long steps) {
    this.hadoop = hadoop;
    this.folder = folder;
    this.steps = steps;
  }

  /** A start begins behind a checkpoint's step; 0 for a new run. */
  void begin(long checkpoint) throws IOException {
    resumedFrom = checkpoint;
    step = checkpoint;
    lastCheckpoint = checkpoint;
    say(checkpoint > 0 ? "resumed from the checkpoint of step " + checkpoint : "a new run");
    write(checkpoint == steps ? "done" : "training");
  }

  /** Messages stay, so that whoever looks now and then misses none. */
  void say(String text) {
    message = message.isEmpty() ? text : message + "; " + text;
  }

  void step(StepMetrics metrics) throws IOException {
    double speed = metrics.tokensPerSecond();
    tokensPerSecond =
        tokensPerSecond > 0 ? tokensPerSecond + (speed - tokensPerSecond) / SPEED_STEPS : speed;
    step = metrics.step();
    loss = Double.isFinite(metrics.loss()) ? Double.valueOf(metrics.loss()) : loss;
    tokensSeen = metrics.tokensSeen();
    maxViolation = metrics.maxViolation();
    wireBytes = metrics.wireBytes();
    state = "training";
    if (System.currentTimeMillis() - writtenMillis >= MILLIS) {
      write(state);
    }
  }

  void heldOutLoss(double measured) throws IOException {
    heldOutLoss = measured;
    write(state);
  }

  void badStep() throws IOException {
    badSteps++;
    write(state);
  }

  void checkpoint(long newest, String newState) throws IOException {
    lastCheckpoint = newest;
    write(newState);
  }

  /** Whether this start has made no step yet. */
  boolean isAtItsBeginning() {
    return step == resumedFrom;
  }

  void write(String newState) throws IOException {
    state = newState;
    writtenMillis = System.currentTimeMillis();
    RunFolder.replace(hadoop, folder.status(), status().rendered());
  }

  private Status status() {
    return new Status(
        state,
        resumedFrom,
        step,
        steps,
        loss,
        heldOutLoss,
        tokensSeen,
        tokensPerSecond,
        secondsToGo(),
        maxViolation,
        wireBytes,
        badSteps,
        lastCheckpoint,
        message);
  }

  private Double secondsToGo() {
    return tokensPerSecond > 0 && step > 0
        ? Double.valueOf((double) (steps - step) * tokensSeen / step / tokensPerSecond)
        : null;
  }
}
