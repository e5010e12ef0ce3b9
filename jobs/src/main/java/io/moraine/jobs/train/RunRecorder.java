package io.moraine.jobs.train;

import io.moraine.model.train.StepMetrics;
import io.moraine.model.train.TrainObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes what a run does into its folder: Parquet metrics at checkpoints, TensorBoard events as
 * they come, status.json about once a second. Runs on rank 0.
 */
final class RunRecorder implements TrainObserver, AutoCloseable {

  private static final long STATUS_MILLIS = 1000;

  /** Shown speed is a moving average over about this many steps. */
  private static final double SPEED_STEPS = 20;

  private final Configuration hadoop;
  private final RunFolder folder;
  private final long steps;
  private final Limits limits;
  private final String data;
  private final List<MetricsFile.Row> rows = new ArrayList<>();
  private TensorBoardWriter tensorBoard;
  private Status status;
  private long statusMillis;
  private long askedMillis;
  private boolean stopped;

  /**
   * Records a run.
   *
   * @param data what is trained on, which belongs to the run from the next checkpoint on
   */
  RunRecorder(Configuration hadoop, RunFolder folder, long steps, Limits limits, String data) {
    this.data = data;
    this.hadoop = hadoop;
    this.folder = folder;
    this.steps = steps;
    this.limits = limits;
    this.status = new Status("starting", 0, 0, steps, null, null, 0, 0, 0, 0, "");
  }

  @Override
  public void started(long step) throws IOException {
    MetricsFile.deleteAfter(hadoop, folder.metrics(), step);
    Path events =
        new Path(
            folder.tensorBoard(),
            "events.out.tfevents.%010d.step-%08d".formatted(nowMillis() / 1000, step));
    FileSystem files = events.getFileSystem(hadoop);
    tensorBoard = new TensorBoardWriter(files.create(events, true), RunRecorder::nowMillis);
    String message = step > 0 ? "resumed from the checkpoint of step " + step : "a new run";
    status =
        new Status(
            step == steps ? "done" : "training",
            step,
            step,
            steps,
            null,
            null,
            0,
            0,
            0,
            step,
            withEarlier(message));
    writeStatus(true);
  }

  @Override
  public void message(String text) {
    status =
        new Status(
            status.state(),
            status.resumedFrom(),
            status.step(),
            steps,
            status.loss(),
            status.heldOutLoss(),
            status.tokensSeen(),
            status.tokensPerSecond(),
            status.maxViolation(),
            status.lastCheckpoint(),
            withEarlier(text));
  }

  @Override
  public boolean wantsToStop(long tokensSeen) throws IOException {
    Optional<String> reason = limits.reached(tokensSeen, nowMillis());
    if (reason.isEmpty()) {
      reason = askedToStop();
    }
    if (reason.isPresent()) {
      stopped = true;
      message("stopped: " + reason.get());
      if (status.step() == status.resumedFrom()) {
        status = status.withState("stopped");
        writeStatus(true);
      }
    }
    return stopped;
  }

  /** Looks about once a second. */
  private Optional<String> askedToStop() throws IOException {
    if (nowMillis() - askedMillis < STATUS_MILLIS) {
      return Optional.empty();
    }
    askedMillis = nowMillis();
    FileSystem files = folder.root().getFileSystem(hadoop);
    if (files.exists(folder.stop())) {
      return Optional.of("there is a file " + folder.stop());
    }
    return files.exists(folder.endRequest())
        ? Optional.of("the process was asked to end")
        : Optional.empty();
  }

  @Override
  public void stepped(StepMetrics metrics) throws IOException {
    rows.add(new MetricsFile.Row(metrics, Double.NaN));
    double speed = metrics.tokensPerSecond();
    if (status.tokensPerSecond() > 0) {
      speed = status.tokensPerSecond() + (speed - status.tokensPerSecond()) / SPEED_STEPS;
    }
    status =
        new Status(
            "training",
            status.resumedFrom(),
            metrics.step(),
            steps,
            metrics.loss(),
            status.heldOutLoss(),
            metrics.tokensSeen(),
            speed,
            metrics.maxViolation(),
            status.lastCheckpoint(),
            status.message());
    writeScalars(metrics);
    writeStatus(false);
  }

  @Override
  public void evaluated(long step, double loss) throws IOException {
    int last = rows.size() - 1;
    rows.set(last, new MetricsFile.Row(rows.get(last).metrics(), loss));
    tensorBoard.scalar("loss/held-out", step, loss);
    status =
        new Status(
            status.state(),
            status.resumedFrom(),
            status.step(),
            steps,
            status.loss(),
            loss,
            status.tokensSeen(),
            status.tokensPerSecond(),
            status.maxViolation(),
            status.lastCheckpoint(),
            status.message());
    writeStatus(true);
  }

  @Override
  public void checkpointing(long step) throws IOException {
    if (!rows.isEmpty()) {
      MetricsFile.write(hadoop, folder.metrics(), rows);
      rows.clear();
    }
    RunFolder.replace(hadoop, folder.data(), data);
    tensorBoard.flush();
  }

  @Override
  public void checkpointed(long step) throws IOException {
    status =
        new Status(
            step == steps ? "done" : stopped ? "stopped" : "training",
            status.resumedFrom(),
            status.step(),
            steps,
            status.loss(),
            status.heldOutLoss(),
            status.tokensSeen(),
            status.tokensPerSecond(),
            status.maxViolation(),
            step,
            status.message());
    writeStatus(true);
  }

  @Override
  public void close() throws IOException {
    if (tensorBoard != null) {
      tensorBoard.close();
    }
  }

  /** Messages stay in the status, so that whoever looks now and then misses none. */
  private String withEarlier(String message) {
    return status.message().isEmpty() ? message : status.message() + "; " + message;
  }

  private void writeScalars(StepMetrics metrics) throws IOException {
    long step = metrics.step();
    tensorBoard.scalar("loss/train", step, metrics.loss());
    if (!Double.isNaN(metrics.furtherLoss())) {
      tensorBoard.scalar("loss/further", step, metrics.furtherLoss());
    }
    tensorBoard.scalar("optimizer/gradient-norm", step, metrics.gradientNorm());
    tensorBoard.scalar("optimizer/learning-rate", step, metrics.learningRate());
    tensorBoard.scalar("speed/tokens-per-second", step, metrics.tokensPerSecond());
    tensorBoard.scalar("wire/bytes", step, (double) metrics.wireBytes());
    tensorBoard.scalar("wire/float32-bytes", step, (double) metrics.float32WireBytes());
    tensorBoard.scalar("experts/max-violation", step, metrics.maxViolation());
    for (int layer = 0; layer < metrics.moeLayers(); layer++) {
      long[] load = new long[metrics.experts()];
      System.arraycopy(metrics.expertLoad(), layer * metrics.experts(), load, 0, metrics.experts());
      tensorBoard.histogram("experts/load-moe-layer-" + layer, step, load);
    }
  }

  private void writeStatus(boolean now) throws IOException {
    if (now || nowMillis() - statusMillis >= STATUS_MILLIS) {
      statusMillis = nowMillis();
      RunFolder.replace(hadoop, folder.status(), status.rendered());
    }
  }

  private static long nowMillis() {
    return System.currentTimeMillis();
  }
}
