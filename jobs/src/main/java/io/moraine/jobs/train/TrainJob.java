package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.Desk;
import io.moraine.jobs.lease.Lease;
import io.moraine.jobs.lease.LeaseLostException;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.data.SequenceOrder;
import io.moraine.model.train.TrainResult;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.time.Duration;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;

/**
 * Trains as one Spark barrier stage whose tasks are the ranks.
 *
 * <p>The run's lease is no one of {@link io.moraine.jobs.lease.HeldLeases}: its expiry is a
 * setting, ranks may lose it before the driver does, and what became of it is told in status.json.
 */
public final class TrainJob {

  /** How often the driver looks at the run's status. */
  static final long WATCH_MILLIS = 1000;

  /** Longest wait for the last word of a run to be written, or said. */
  private static final long LAST_WORD_MILLIS = 10_000;

  /** Of the ranks' Spark jobs. */
  static final String JOB_GROUP = "train";

  private final SparkSession spark;
  private final Configuration hadoop;
  private final TrainSettings settings;
  private final TrainRequirements requirements;
  private final Progress progress;
  private final BigDlJars bigDlJars;

  /** A job of the torch engine. */
  public TrainJob(SparkSession spark, TrainSettings settings, Progress progress) {
    this(spark, settings, progress, BigDlJars.NONE);
  }

  /**
   * A job of any engine.
   *
   * @param bigDlJars BigDL on the driver; the BigDL engine needs it
   */
  public TrainJob(
      SparkSession spark, TrainSettings settings, Progress progress, BigDlJars bigDlJars) {
    this.spark = spark;
    this.hadoop = spark.sparkContext().hadoopConfiguration();
    this.settings = settings;
    this.requirements = new TrainRequirements(spark, settings);
    this.progress = progress;
    this.bigDlJars = bigDlJars;
  }

  /**
   * Starts a run, or goes on with it.
   *
   * @param data prepared datasets; those that the run was trained on before come first, in order
   * @param run the run's folder
   * @param ranks number of ranks; each needs a free slot at the same time
   * @param resume false deletes the run's checkpoints and starts over
   * @param limits of this start; SIGTERM and a file {@code stop} in the run's folder end it too,
   *     each with a checkpoint
   * @throws TryLaterException if another process trains this run, or it is kept from training
   * @throws EndedInWaitException if it ended, with a checkpoint, while lost ranks waited to begin
   *     again
   * @throws LeaseLostException if another process has taken the run meanwhile, or may soon
   * @throws ConfigException if the settings do not fit the dataset, the run or the cluster
   */
  public TrainResult run(List<String> data, RunFolder run, int ranks, boolean resume, Limits limits)
      throws IOException {
    RunData given = requirements.data(data);
    requirements.requireSlots(ranks);
    List<String> engineFiles = engineFiles();
    Optional<Path> module = moduleToKeep(run, resume);
    AtomicReference<String> lost = new AtomicReference<>();
    Duration expiry = settings.connections().lease();
    try (EndRequest ending = EndRequest.listen(hadoop)) {
      Lease lease = Lease.take(hadoop, run.leased(), expiry, reason -> giveUp(lost, reason));
      try {
        Desk desk = lease.desk();
        DriverStatus status =
            new DriverStatus(hadoop, run, LeasedWriter.holder(hadoop, run.root(), desk));
        ending.begin(desk.endRequest());
        Tenure tenure = new Tenure(desk, status, () -> Optional.ofNullable(lost.get()));
        return told(
            run,
            tenure,
            () -> {
              run.requireUnstopped(hadoop);
              status.starting(resume, settings.train().steps());
              prepareFolder(run, desk, given, module, resume);
              RankStage stage = new RankStage(spark, settings, progress, tenure, engineFiles);
              return train(stage, tenure, given, run, ranks, resume, limits);
            });
      } finally {
        ending.end();
        giveBack(lease, run);
      }
    }
  }

  /** What is done while the lease is held. */
  private interface Training {
    TrainResult run() throws IOException;
  }

  /** Where it fails, status.json says why. */
  private static TrainResult told(RunFolder run, Tenure tenure, Training training)
      throws IOException {
    try {
      return training.run();
    } catch (Exception e) { // Spark throws checked ones that it does not declare
      Optional<LeaseLostException> lost = lostLease(run, tenure.lostBecause().get(), e);
      tell(tenure, lost.isPresent() ? lost.get() : e);
      if (lost.isPresent()) {
        throw lost.get();
      }
      throw e;
    }
  }

  /** What a run came to does not hang on it. */
  private void giveBack(Lease lease, RunFolder run) {
    try {
      lease.close();
    } catch (IOException e) {
      progress.say(
          "train: the lease of %s could not be given back, it expires after %d s: %s"
              .formatted(run.root(), settings.connections().lease().toSeconds(), e));
    }
  }

  /** Whether it is because the lease is lost, which the driver has seen, or a rank. */
  private static Optional<LeaseLostException> lostLease(
      RunFolder run, Optional<String> reason, Exception e) {
    if (reason.isPresent()) {
      return Optional.of(
          new LeaseLostException(
              "%s: %s. Started again, the run goes on from its newest checkpoint."
                  .formatted(run.root(), reason.get()),
              e));
    }
    return SparkFailure.in(e)
        .filter(found -> found.exception().equals(LeaseLostException.class.getSimpleName()))
        .map(found -> new LeaseLostException(found.line(), e));
  }

  /**
   * Writes into status.json why the run ended, behind the last word of its ranks. By a thread of
   * its own: where the file system gives no answer this process ends all the same.
   */
  private static void tell(Tenure tenure, Exception why) {
    Thread teller =
        new Thread(
            () -> {
              try {
                tenure.desk().nextAttempt();
              } catch (IOException | RuntimeException e) {
                why.addSuppressed(e); // ranks that live on may cover the last word
              }
              try {
                tenure
                    .status()
                    .ended(
                        why instanceof TryLaterException || why instanceof EndedInWaitException
                            ? Status.STOPPED
                            : Status.FAILED,
                        RankStage.reason(why));
              } catch (IOException | RuntimeException e) {
                why.addSuppressed(e);
              }
            },
            "moraine last word");
    teller.setDaemon(true);
    teller.start();
    join(teller, LAST_WORD_MILLIS);
  }

  private TrainResult train(
      RankStage stage,
      Tenure tenure,
      RunData data,
      RunFolder run,
      int ranks,
      boolean resume,
      Limits limits)
      throws IOException {
    progress.start("train");
    spark.sparkContext().setJobGroup(JOB_GROUP, "train " + run.root(), true);
    AtomicBoolean ended = new AtomicBoolean();
    RunGauges gauges = new RunGauges();
    gauges.register(spark.sparkContext());
    Thread watcher = watch(run, gauges, ended);
    try {
      TrainResult result = stage.run(data, run, ranks, resume, limits);
      ended.set(true);
      join(watcher, LAST_WORD_MILLIS);
      sayIfInVain(run, data, result, tenure);
      progress.done("step %,d".formatted(result.step()));
      return result;
    } finally {
      ended.set(true);
      gauges.remove(spark.sparkContext());
      spark.sparkContext().clearJobGroup();
    }
  }

  /** A start that finds all steps made, and data that no step will ever see. */
  private void sayIfInVain(RunFolder run, RunData data, TrainResult result, Tenure tenure)
      throws IOException {
    if (result.resumedFrom() < settings.train().steps()) {
      return;
    }
    Checkpoint.State state =
        new Checkpoints(new HadoopStorage(hadoop, run.root())).state(result.step());
    if (state.stretches().isEmpty()) {
      return;
    }
    List<SequenceOrder.Stretch> stretches =
        state.order(settings.train().seed(), data.sequences()).stretches();
    SequenceOrder.Stretch last = stretches.get(stretches.size() - 1);
    long missing = last.from() + last.sequences() - state.position();
    if (missing > 0) {
      String line =
          "NOTHING WAS TRAINED: all %,d steps of %s are made, and it would take %,d more sequences until each of the %,d in --data has been seen. Raise train.steps (--steps), or use another --run."
              .formatted(settings.train().steps(), run.root(), missing, data.sequences());
      tenure.status().ended(Status.DONE, line);
      progress.say("train: " + line);
    }
  }

  /** Gives BigDL's jars to all executors; their names there. */
  private List<String> engineFiles() throws IOException {
    if (!settings.engine().isBigDl()) {
      return List.of();
    }
    List<java.nio.file.Path> jars = bigDlJars.classPath("train.engine.name = bigdl");
    jars.forEach(jar -> spark.sparkContext().addFile(jar.toString()));
    return jars.stream().map(jar -> jar.getFileName().toString()).toList();
  }

  /** A file with a module, of which a run that begins keeps a copy. */
  private Optional<Path> moduleToKeep(RunFolder run, boolean resume) throws IOException {
    String file = settings.engine().bigDl().file();
    boolean isKept = resume && new Checkpoints(new HadoopStorage(hadoop, run.root())).hasBegun();
    if (file.isEmpty() || isKept) {
      return Optional.empty();
    }
    Path module = new Path(file);
    if (!module.getFileSystem(hadoop).exists(module)) {
      throw new FileNotFoundException(
          "train.engine.bigdl.file: there is no file %s.".formatted(file));
    }
    return Optional.of(module);
  }

  private void giveUp(AtomicReference<String> lost, String reason) {
    lost.compareAndSet(null, reason);
    spark.sparkContext().cancelJobGroup(JOB_GROUP);
  }

  /**
   * The folder as this start wants it: a run that goes on must have the same tokenizer and model,
   * and the data it knows; otherwise its checkpoints are deleted. Then module, tokenizer and
   * settings are recorded.
   */
  private void prepareFolder(
      RunFolder run, Desk desk, RunData given, Optional<Path> module, boolean resume)
      throws IOException {
    PreparedDataset dataset = PreparedDataset.at(given.datasets().get(0).path());
    LeasedWriter writer = LeasedWriter.holder(hadoop, run.root(), desk);
    Checkpoints checkpoints = new Checkpoints(new LeasedStorage(hadoop, run, writer));
    boolean hasCheckpoints = !checkpoints.finished().isEmpty();
    if (hasCheckpoints) {
      run.finishReplacing(hadoop, desk);
    }
    desk.deleteEarlier();
    if (resume && hasCheckpoints && !run.exists(hadoop)) {
      throw new ConfigException(
          "the run %s has checkpoints and no %s. Put it back, or begin anew with --resume never."
              .formatted(run.root(), run.settings().getName()));
    }
    if (resume && run.exists(hadoop)) {
      if (!run.hasTokenizerOf(hadoop, dataset)) {
        throw new ConfigException(
            "the run %s was started with another tokenizer than that of %s. Use another --run, or --resume never."
                .formatted(run.root(), dataset.root()));
      }
      requirements.requireSame(run, checkpoints, given);
    } else {
      checkpoints.deleteAll();
    }
    if (module.isPresent()) {
      run.keepModule(writer, module.get());
    }
    writer.replace(run.tokenizer(), RunFolder.text(hadoop, new Path(dataset.tokenizer())));
    writer.replace(run.settings(), settings.rendered() + "\n");
  }

  /** Shows the run's status as rank 0 writes it. */
  private Thread watch(RunFolder run, RunGauges gauges, AtomicBoolean ended) {
    StatusWatcher watcher = new StatusWatcher(hadoop, run, progress, gauges::show);
    Thread thread = new Thread(() -> watcher.watch(ended), "moraine status");
    thread.setDaemon(true);
    thread.start();
    return thread;
  }

  private static void join(Thread thread, long millis) {
    try {
      thread.join(millis);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
    }
  }
}
