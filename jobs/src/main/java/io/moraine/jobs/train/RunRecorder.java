package io.moraine.jobs.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
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

  private final Configuration hadoop;
  private final RunFolder folder;
  private final Start start;
  private final String data;
  private final long steps;
  private final Optional<TextSamples> samples;
  private final List<MetricsFile.Row> rows = new ArrayList<>();
  private final StatusFile status;
  private TensorBoardWriter tensorBoard;
  private long askedMillis;
  private boolean stopped;
  private long lastStep;

  /**
   * Records a run.
   *
   * @param data what is trained on, which belongs to the run from the next checkpoint on
   * @param samples that are written while it trains
   */
  RunRecorder(
      Configuration hadoop,
      RunFolder folder,
      Start start,
      String data,
      long steps,
      Optional<TextSamples> samples) {
    this.hadoop = hadoop;
    this.folder = folder;
    this.start = start;
    this.data = data;
    this.steps = steps;
    this.samples = samples;
    this.status = new StatusFile(hadoop, folder, steps);
    if (!start.message().isEmpty()) {
      status.say(start.message());
    }
  }

  @Override
  public void started(long step) throws IOException {
    lastStep = step;
    RunTable.deleteAfter(hadoop, folder.metrics(), step);
    RunTable.deleteAfter(hadoop, folder.samples(), step);
    Path events =
        new Path(
            folder.tensorBoard(),
            "events.out.tfevents.%010d.step-%08d".formatted(nowMillis() / 1000, step));
    FileSystem files = events.getFileSystem(hadoop);
    tensorBoard = new TensorBoardWriter(files.create(events, true), RunRecorder::nowMillis);
    status.begin(step, step > 0 ? badSteps(step) : 0);
  }

  /** In the run up to a checkpoint. */
  private long badSteps(long step) throws IOException {
    Checkpoints checkpoints = new Checkpoints(new HadoopStorage(hadoop, folder.root()));
    return checkpoints.state(step).history().bad().size();
  }

  @Override
  public void message(String text) {
    status.say(text);
  }

  @Override
  public boolean wantsToStop(long tokensSeen) throws IOException {
    Optional<String> reason = start.limits().reached(tokensSeen, nowMillis());
    if (reason.isEmpty()) {
      reason = askedToStop();
    }
    if (reason.isPresent()) {
      stopped = true;
      status.say("stopped: " + reason.get());
      if (status.isAtItsBeginning()) {
        status.write("stopped");
      }
    }
    return stopped;
  }

  /** Looks about once a second. */
  private Optional<String> askedToStop() throws IOException {
    if (nowMillis() - askedMillis < StatusFile.MILLIS) {
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
    lastStep = metrics.step();
    rows.add(MetricsFile.Row.of(metrics));
    writeScalars(metrics);
    status.step(metrics);
    if (samples.isPresent() && samples.get().areDue(lastStep, steps)) {
      writeSamples(samples.get().write(lastStep));
    }
  }

  private void writeSamples(List<TextSamples.Sample> written) throws IOException {
    for (int i = 0; i < written.size(); i++) {
      tensorBoard.text("samples/" + i, lastStep, written.get(i).text());
    }
    status.samples(written.stream().map(TextSamples.Sample::line).toList());
  }

  @Override
  public void leftOut(Checkpoint.BadStep bad) throws IOException {
    rows.replaceAll(row -> row.metrics().step() < bad.from() ? row : row.leftOut());
    int last = rows.size() - 1;
    rows.set(last, rows.get(last).bad(bad.why()));
    long count = bad.step() - bad.from() + 1;
    tensorBoard.scalar("steps/left-out", bad.step(), (double) count);
    status.badStep(
        count == 1
            ? "step %,d is left out: %s".formatted(bad.step(), bad.why())
            : "steps %,d to %,d are left out: %s".formatted(bad.from(), bad.step(), bad.why()));
  }

  @Override
  public void evaluated(long step, double loss) throws IOException {
    int last = rows.size() - 1;
    rows.set(last, rows.get(last).heldOutLoss(loss));
    tensorBoard.scalar("loss/held-out", step, loss);
    status.heldOutLoss(loss);
  }

  @Override
  public void checkpointing(long step) throws IOException {
    RunFolder.replace(hadoop, folder.data(), data);
    List<MetricsFile.Row> upTo = rows.stream().filter(row -> row.metrics().step() <= step).toList();
    if (!upTo.isEmpty()) {
      MetricsFile.write(hadoop, folder.metrics(), upTo);
      rows.removeAll(upTo);
    }
    tensorBoard.flush();
  }

  @Override
  public void checkpointed(long step) throws IOException {
    status.checkpoint(
        step, step == steps ? "done" : stopped && step == lastStep ? "stopped" : "training");
  }

  @Override
  public void close() throws IOException {
    if (tensorBoard != null) {
      tensorBoard.close();
    }
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

  private static long nowMillis() {
    return System.currentTimeMillis();
  }
}
