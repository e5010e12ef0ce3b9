package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.train.TrainResult;
import java.io.IOException;
import java.security.SecureRandom;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.SparkConf;
import org.apache.spark.SparkContext;
import org.apache.spark.rdd.RDD;
import org.apache.spark.resource.ResourceProfileBuilder;
import org.apache.spark.resource.TaskResourceRequests;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;
import scala.reflect.ClassTag;

/**
 * The ranks as one barrier stage. If one is lost, all begin again from the newest checkpoint, in a
 * stage of another job: so often without a new checkpoint as the settings allow.
 */
final class RankStage {

  private static final int SECRET_BYTES = 32;

  private static final String EXECUTOR_GPUS = "spark.executor.resource.gpu.amount";

  /** In Spark's words: a rank failed, nobody has cancelled the job. */
  private static final String RANK_FAILED = "failed barrier ResultStage";

  /** In Spark's words: there are fewer slots than ranks; an executor was lost that was counted. */
  private static final String NO_SLOTS = "SPARK-24819";

  /** What would fail again in the same way. */
  private static final Pattern FOR_GOOD =
      Pattern.compile(
          "(?:BadStep|CorruptData|Config|IllegalArgument|LeaseLost|TryLater|Untrusted)Exception: ");

  /** The step, and the exception that began it, which stands last where other ranks repeat it. */
  private static final Pattern FAILURE =
      Pattern.compile(
          "RankFailedException: step (\\d+): (?:[^\\n]*: )?((?:[a-z]\\w*\\.)+[A-Z]\\w*(?::[^\\n]*)?)");

  /** A connection that failed, as when a rank is lost. */
  private static final Pattern LOST = Pattern.compile("\\.(?:Collective|Transport)Exception");

  /** In the order in which they say most. */
  private static final List<Pattern> CAUSES =
      List.of(
          Pattern.compile("(ExecutorLostFailure [^\\n]+)"),
          Pattern.compile("(?:Collective|Transport)Exception: ([^\\n]+)"),
          Pattern.compile("RankFailedException: ([^\\n]+)"),
          Pattern.compile("finished unsuccessfully\\.\\n([^\\n]+)"),
          Pattern.compile("([^\\n]+)"));

  private final SparkContext spark;
  private final RankPartitions input;
  private final Configuration hadoop;
  private final TrainSettings settings;
  private final Progress progress;
  private final Tenure tenure;
  private final List<String> engineFiles;

  /**
   * Prepares nothing yet.
   *
   * @param tenure of the lease; when it is over the stage is cancelled
   * @param engineFiles names of the files that BigDL is in, which every executor gets; empty with
   *     another engine
   */
  RankStage(
      SparkSession session,
      TrainSettings settings,
      Progress progress,
      Tenure tenure,
      List<String> engineFiles) {
    this.spark = session.sparkContext();
    this.input = new RankPartitions(session, settings);
    this.hadoop = spark.hadoopConfiguration();
    this.settings = settings;
    this.progress = progress;
    this.tenure = tenure;
    this.engineFiles = engineFiles;
  }

  /**
   * Trains.
   *
   * @return what all ranks came to
   * @throws RanksLostException if ranks are lost too often
   * @throws EndedInWaitException if it is to end while lost ranks wait to begin again
   * @throws RepeatedFailureException if the same failure ends a step twice in a row
   */
  TrainResult run(RunData data, RunFolder run, int ranks, boolean resume, Limits limits)
      throws IOException {
    Attempt attempt = Attempt.first(resume, tenure.desk().ranks());
    long checkpoint = 0;
    int ranksLost = 0;
    Optional<String> before = Optional.empty();
    while (true) {
      tenure.requireLease(run);
      try {
        RDD<Object> slots = slots(data, run, ranks, attempt);
        SlotWait wait = wait(run, limits, attempt);
        wait.await(slots);
        Limits.Left left = limits.left(System.nanoTime());
        RankTask task = task(data, run, ranks, attempt, left);
        return wait.launch(slots, TrainJob.JOB_GROUP, () -> once(slots, task));
      } catch (Exception e) { // Spark throws checked ones that it does not declare
        if (!isWorthAnother(e)) {
          throw e;
        }
        tenure.desk().nextAttempt();
        Optional<String> failure = failure(e);
        requireAnother(failure, before, e);
        before = failure;
        long newest = newestStep(hadoop, run);
        ranksLost = newest > checkpoint ? 1 : ranksLost + 1;
        checkpoint = newest;
        requireFewer(ranksLost, checkpoint, e);
        String why =
            "a rank was lost, begun again from the newest checkpoint (%d of at most %d times without a new one): %s"
                .formatted(ranksLost, settings.connections().recoveries(), cause(e));
        progress.say("train: " + why);
        tenure.status().recovering(why);
        attempt = attempt.again(why, tenure.desk().ranks());
      }
    }
  }

  private SlotWait wait(RunFolder run, Limits limits, Attempt attempt) {
    return new SlotWait(
        spark, settings.connections().slots(), progress, tenure, run, limits, attempt.number() > 0);
  }

  private boolean isWorthAnother(Exception e) {
    String text = texts(e);
    if (tenure.isOver() || spark.isStopped() || FOR_GOOD.matcher(text).find()) {
      return false;
    }
    return text.contains(RANK_FAILED) || text.contains(NO_SLOTS);
  }

  /**
   * Which step failed and how, in words that are the same if it happens again; empty if a rank was
   * lost.
   */
  static Optional<String> failure(Throwable e) {
    Matcher found = FAILURE.matcher(texts(e));
    return found.find() && !LOST.matcher(found.group(2)).find()
        ? Optional.of("step %s failed: %s".formatted(found.group(1), found.group(2)))
        : Optional.empty();
  }

  private static void requireAnother(
      Optional<String> failure, Optional<String> before, Exception e) {
    if (failure.isPresent() && failure.equals(before)) {
      throw new RepeatedFailureException(
          "twice in the same way, and no rank was lost: %s".formatted(failure.get()), e);
    }
  }

  private void requireFewer(int ranksLost, long checkpoint, Exception e) {
    int allowed = settings.connections().recoveries();
    if (ranksLost > allowed) {
      throw new RanksLostException(
          "a rank was lost too often (%d since the checkpoint of step %d, train.recoveries is %d): %s. Started again, the run goes on from that checkpoint."
              .formatted(ranksLost, checkpoint, allowed, cause(e)),
          e);
    }
  }

  /** That of the checkpoint that ranks would resume from; 0 if there is none. */
  static long newestStep(Configuration hadoop, RunFolder run) throws IOException {
    return new Checkpoints(new HadoopStorage(hadoop, run.root()))
        .newestWhole(damaged -> {}) // the ranks will say it
        .map(Checkpoint::step)
        .orElse(0L);
  }

  /** Why a rank was lost, in a line. */
  static String cause(Throwable e) {
    String text = texts(e);
    return CAUSES.stream()
        .map(pattern -> pattern.matcher(text))
        .filter(Matcher::find)
        .findFirst()
        .map(found -> found.group(1))
        .orElse(text);
  }

  /** Why a run failed, in a line. */
  static String reason(Throwable e) {
    if (e.getClass().getName().startsWith("io.moraine.")) {
      return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
    }
    return SparkFailure.in(e).map(SparkFailure::line).orElseGet(() -> cause(e));
  }

  private static String texts(Throwable e) {
    StringBuilder texts = new StringBuilder();
    for (Throwable at = e; at != null; at = at.getCause()) {
      texts.append(at).append('\n');
    }
    return texts.toString();
  }

  private RDD<Object> slots(RunData data, RunFolder run, int ranks, Attempt attempt)
      throws IOException {
    RDD<Object> slots = input.of(data, run, ranks, attempt.resume());
    if (!spark.isLocal()) {
      requireCores(spark.getConf(), settings.engine().device());
    }
    if (spark.isLocal() || executorCores() == 0) {
      return slots;
    }
    TaskResourceRequests wholeExecutor = new TaskResourceRequests().cpus(executorCores());
    if (settings.engine().device() != DeviceChoice.CPU && spark.getConf().contains(EXECUTOR_GPUS)) {
      wholeExecutor.resource(RankTask.GPU, 1);
    }
    return slots.withResources(new ResourceProfileBuilder().require(wholeExecutor).build());
  }

  /** Without their number a rank cannot ask for all of an executor, and several share its GPU. */
  static void requireCores(SparkConf conf, DeviceChoice device) {
    boolean wantsGpus =
        device == DeviceChoice.CUDA || device == DeviceChoice.AUTO && conf.contains(EXECUTOR_GPUS);
    if (wantsGpus && conf.getInt("spark.executor.cores", 0) == 0) {
      throw new ConfigException(
          "train.engine.device = %s: without spark.executor.cores ranks would share an executor and its GPU. Say --executor-cores N, all cores of a worker that one GPU serves, or train.engine.device = cpu."
              .formatted(device.name().toLowerCase(Locale.ROOT)));
    }
  }

  private RankTask task(RunData data, RunFolder run, int ranks, Attempt attempt, Limits.Left left) {
    byte[] secret = new byte[SECRET_BYTES];
    new SecureRandom().nextBytes(secret);
    return new RankTask(
        data.rendered(),
        run.root().toString(),
        settings.rendered(),
        attempt,
        left,
        threadsPerRank(ranks),
        engineFiles,
        spark.applicationId(),
        secret,
        new SerializableConfiguration(hadoop));
  }

  private static TrainResult once(RDD<Object> slots, RankTask task) {
    return slots
        .barrier()
        .mapPartitions(task, false, ClassTag.apply(TrainResult.class))
        .toJavaRDD()
        .collect()
        .get(0);
  }

  private int threadsPerRank(int ranks) {
    return spark.isLocal()
        ? Math.max(1, LocalThreads.of(spark) / ranks)
        : Math.max(1, executorCores());
  }

  private int executorCores() {
    SparkConf conf = spark.getConf();
    return conf.getInt("spark.executor.cores", 0);
  }
}
