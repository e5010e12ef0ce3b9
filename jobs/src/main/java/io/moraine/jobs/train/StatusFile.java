package io.moraine.jobs.train;

import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.train.StepMetrics;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;

/** Keeps status.json up to date, about once a second and where something happened. */
final class StatusFile {

  private static final long MILLIS = 1000;

  /** Shown speed is a moving average over about this many steps. */
  private static final double SPEED_STEPS = 20;

  /** Ten years: a run that would take longer is one without an end. */
  private static final double LONGEST_SECONDS = 10 * 365 * 86_400.0;

  private final LeasedWriter writer;
  private final RunFolder folder;
  private final Status status = new Status();
  private final List<String> messages = new ArrayList<>();
  private int newestBadStep = -1;
  private long writtenMillis;

  StatusFile(LeasedWriter writer, RunFolder folder, long steps) {
    this.writer = writer;
    this.folder = folder;
    status.steps = steps;
  }

  /** A new run begins. */
  void begin() throws IOException {
    say("a new run");
    write(Status.TRAINING);
  }

  /**
   * A run goes on.
   *
   * @param step of the checkpoint
   * @param state that the checkpoint has
   * @param sequenceLength places for tokens in a sequence
   */
  void goOn(long step, Checkpoint.State state, int sequenceLength) throws IOException {
    status.resumedFrom = step;
    status.step = step;
    status.lastCheckpoint = step;
    status.badSteps = state.history().bad().size();
    status.tokensSeen = state.position() * sequenceLength;
    List<Double> losses = state.history().losses();
    status.loss = losses.isEmpty() ? null : losses.get(losses.size() - 1);
    status.heldOutLoss = state.heldOutLoss();
    say("resumed from the checkpoint of step " + step);
    write(step >= status.steps ? Status.DONE : Status.TRAINING);
  }

  /** The run ends before its last step. */
  void stop(String reason) {
    status.reason = reason;
    say("stopped: " + reason);
  }

  /**
   * Is written with what happens next. Messages stay, so that whoever looks now and then misses
   * none.
   */
  void say(String text) {
    messages.add(text);
    status.message = String.join("; ", messages);
  }

  void step(StepMetrics metrics) throws IOException {
    double speed = metrics.tokensPerSecond();
    status.tokensPerSecond +=
        status.tokensPerSecond > 0 ? (speed - status.tokensPerSecond) / SPEED_STEPS : speed;
    status.step = metrics.step();
    status.loss = Double.isFinite(metrics.loss()) ? Double.valueOf(metrics.loss()) : status.loss;
    status.tokensSeen = metrics.tokensSeen();
    status.maxViolation = metrics.maxViolation();
    status.wireBytes = metrics.wireBytes();
    status.secondsToGo = secondsToGo();
    status.state = Status.TRAINING;
    if (System.currentTimeMillis() - writtenMillis >= MILLIS) {
      write();
    }
  }

  void heldOutLoss(double measured) throws IOException {
    status.heldOutLoss = measured;
    write();
  }

  void samples(List<String> lines) throws IOException {
    status.samples = lines;
    write();
  }

  /** Of these messages the newest stays: metrics have all. */
  void badStep(String text) throws IOException {
    status.badSteps++;
    if (newestBadStep < 0) {
      newestBadStep = messages.size();
      say(text);
    } else {
      messages.set(newestBadStep, text);
      status.message = String.join("; ", messages);
    }
    write();
  }

  void checkpoint(long newest, String newState) throws IOException {
    status.lastCheckpoint = newest;
    write(newState);
  }

  /** Whether the last step that is made was with so many tokens of the run. */
  boolean hasSeen(long tokens) {
    return status.tokensSeen == tokens;
  }

  void write(String newState) throws IOException {
    status.state = newState;
    write();
  }

  void write() throws IOException {
    writtenMillis = System.currentTimeMillis();
    writer.show(folder.status(), status.rendered());
  }

  private Double secondsToGo() {
    if (status.tokensPerSecond == 0 || status.step == 0) {
      return null;
    }
    double seconds =
        (double) (status.steps - status.step)
            * status.tokensSeen
            / status.step
            / status.tokensPerSecond;
    return seconds <= LONGEST_SECONDS ? Double.valueOf(seconds) : null;
  }
}
