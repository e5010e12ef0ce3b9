package io.moraine.jobs.train;

import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.WholeFiles;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.train.StepMetrics;
import io.moraine.model.train.TrainObserver;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/**
 * Writes what a run does into its folder: Parquet metrics at checkpoints, TensorBoard events as
 * they come, status.json about once a second. Each rank has one; the trainer tells rank 0's alone.
 */
final class RunRecorder implements TrainObserver, AutoCloseable {

  private final LeasedWriter writer;
  private final RunFolder folder;
  private final Attempt attempt;
  private final Limits limits;
  private final RunData data;
  private final long steps;
  private final Optional<TextSamples> samples;
  private final List<MetricsFile.Row> rows = new ArrayList<>();
  private final StatusFile status;
  private TensorBoardWriter tensorBoard;
  private boolean stopped;
  private long lastStep;

  /**
   * Records a run.
   *
   * @param writer of the ranks
   * @param limits of this attempt
   * @param data what is trained on, which belongs to the run from the next checkpoint on
   * @param samples that are written while it trains
   */
  RunRecorder(
      LeasedWriter writer,
      RunFolder folder,
      Attempt attempt,
      Limits limits,
      RunData data,
      long steps,
      Optional<TextSamples> samples) {
    this.writer = writer;
    this.folder = folder;
    this.attempt = attempt;
    this.limits = limits;
    this.data = data;
    this.steps = steps;
    this.samples = samples;
    this.status = new StatusFile(writer, folder, steps);
    if (!attempt.message().isEmpty()) {
      status.say(attempt.message());
    }
  }

  @Override
  public void started(long step) throws IOException {
    lastStep = step;
    RunTable.deleteAfter(writer, folder.metrics(), step);
    RunTable.deleteAfter(writer, folder.samples(), step);
    Path events =
        new Path(
            folder.tensorBoard(),
            "events.out.tfevents.%010d.step-%08d".formatted(nowMillis() / 1000, step));
    FileSystem files = WholeFiles.of(writer.hadoop(), events).system();
    tensorBoard = new TensorBoardWriter(files.create(events, true), RunRecorder::nowMillis);
    if (step > 0) {
      Checkpoints checkpoints = new Checkpoints(new HadoopStorage(writer.hadoop(), folder.root()));
      status.goOn(step, checkpoints.state(step), data.sequenceLength());
    } else {
      status.begin();
    }
  }

  @Override
  public void message(String text) {
    status.say(text);
  }

  /** A message when nothing else is to come. */
  void lastMessage(String text) throws IOException {
    status.say(text);
    status.write();
  }

  @Override
  public boolean wantsToStop(long tokensSeen) throws IOException {
    Optional<String> reason = limits.reached(tokensSeen, System.nanoTime());
    if (reason.isEmpty()) {
      reason = askedToStop();
    }
    if (reason.isPresent()) {
      stopped = true;
      status.stop(reason.get());
      if (status.hasSeen(tokensSeen)) { // asked before any step: no checkpoint will say it
        status.write(Status.STOPPED);
      }
    }
    return stopped;
  }

  /** Looks each time, so that a run ends with the step in which it is asked to. */
  private Optional<String> askedToStop() throws IOException {
    FileSystem files = folder.root().getFileSystem(writer.hadoop());
    if (files.exists(folder.stop())) {
      return Optional.of("there is a file " + folder.stop());
    }
    return files.exists(Desk.endRequest(new Path(attempt.desk())))
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
    long count = markLeftOut(bad);
    status.badStep(
        count == 1
            ? "step %,d is left out: %s".formatted(bad.step(), bad.why())
            : "steps %,d to %,d are left out: %s".formatted(bad.from(), bad.step(), bad.why()));
  }

  /** Its metrics are written although no checkpoint follows: a resumed run replaces them. */
  @Override
  public void ended(Checkpoint.BadStep bad) throws IOException {
    markLeftOut(bad);
    MetricsFile.write(writer, folder.metrics(), rows);
    rows.clear();
    tensorBoard.flush();
    status.badStep("step %,d ends the run: %s".formatted(bad.step(), bad.why()));
  }

  /** In the metrics; the number of steps. */
  private long markLeftOut(Checkpoint.BadStep bad) throws IOException {
    rows.replaceAll(row -> row.metrics().step() < bad.from() ? row : row.leftOut());
    int last = rows.size() - 1;
    rows.set(last, rows.get(last).bad(bad.why()));
    long count = bad.step() - bad.from() + 1;
    tensorBoard.scalar("steps/left-out", bad.step(), (double) count);
    return count;
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
    writer.replace(folder.data(), data.rendered());
    List<MetricsFile.Row> upTo = rows.stream().filter(row -> row.metrics().step() <= step).toList();
    if (!upTo.isEmpty()) {
      MetricsFile.write(writer, folder.metrics(), upTo);
      rows.removeAll(upTo);
    }
    tensorBoard.flush();
  }

  @Override
  public void checkpointed(long step) throws IOException {
    status.checkpoint(
        step,
        step == steps
            ? Status.DONE
            : stopped && step == lastStep ? Status.STOPPED : Status.TRAINING);
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
