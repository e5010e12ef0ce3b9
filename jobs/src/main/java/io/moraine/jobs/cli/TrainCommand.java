package io.moraine.jobs.cli;

import com.typesafe.config.ConfigFactory;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.report.TrainingSummary;
import io.moraine.jobs.train.EndedInWaitException;
import io.moraine.jobs.train.Limits;
import io.moraine.jobs.train.RunFolder;
import io.moraine.jobs.train.TrainJob;
import io.moraine.model.train.TrainResult;
import java.io.PrintWriter;
import java.lang.management.ManagementFactory;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.hadoop.util.ShutdownHookManager;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine train}: start or resume a training run. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Train a mixture-of-experts model on a prepared dataset, or go on with a run.",
    description = {
      "",
      "One Spark barrier stage; each task is one rank. The run's folder holds the settings, checkpoints,",
      "metrics (Parquet and TensorBoard) and status.json. Started again it resumes from the newest whole",
      "checkpoint; a run that was killed and resumed ends with the same weights, bit for bit. One process",
      "at a time trains a run: another one ends at once with exit code 75. --tokens, --wall, SIGTERM and a",
      "file named stop in the run's folder end it with a checkpoint after the step at hand; while the file",
      "is there, the run does not start.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine train --data data/ --run run/ --ranks 2",
      "  moraine train --data data/ --run run/ --ranks 2 --wall 55m",
      "  moraine train --data data-1/ --data data-2/ --run run/ --ranks 2",
      "  moraine train --data data/ --run run/ --config my-model.conf --steps 2000 --codec bf16",
      "  moraine train --data data/ --run run/ --ranks 2 --engine bigdl",
      "  moraine train --data data/ --run run/ --config my-bigdl.conf --module-jars my-models.jar",
      "  moraine train --master spark://host:7077 --executor-cores 1 --data hdfs:/data --run hdfs:/run --ranks 4"
    })
final class TrainCommand implements Callable<Integer> {

  /** What to do with checkpoints that are already there. */
  enum Resume {
    AUTO,
    NEVER
  }

  /** Beyond it a count of nanoseconds would not do. */
  private static final Duration LONGEST = Duration.ofDays(36_500);

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      split = ",",
      description =
          "A prepared dataset; repeated, several in order. New ones behind those that the run knows are"
              + " taken in when its epoch ends.")
  private List<String> data;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "The run's folder.")
  private String run;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/models/demo.conf.")
  private Path config;

  @Option(
      names = "--steps",
      paramLabel = "N",
      description =
          "The last step of the run, whatever number of starts it takes: learning rate and balance are"
              + " planned up to it. No limit of this start: for that, --wall or --tokens.")
  private Integer steps;

  @Option(
      names = "--tokens",
      paramLabel = "N",
      description = "End with a checkpoint once the run has seen this many tokens in all.")
  private Long tokens;

  @Option(
      names = "--wall",
      paramLabel = "TIME",
      description =
          "End with a checkpoint this long after the command began: 55m, 2h, 90s. Started again,"
              + " it goes on.")
  private String wall;

  @Option(
      names = "--ranks",
      paramLabel = "N",
      defaultValue = "1",
      description = "Number of ranks; each needs a free slot. Default: ${DEFAULT-VALUE}.")
  private int ranks;

  @Option(
      names = "--codec",
      paramLabel = "NAME",
      description =
          "Codec of the gradients on the wire: fp32, bf16, int8, int4, sign, topk or powersgd; default:"
              + " train.wire.gradients.")
  private String codec;

  @Option(
      names = "--engine",
      paramLabel = "NAME",
      description = "Who computes the model: torch or bigdl; default: train.engine.name.")
  private String engine;

  @Mixin private BigDlOptions bigDl;

  @Option(
      names = "--resume",
      paramLabel = "WHEN",
      defaultValue = "auto",
      description =
          "auto: from the newest whole checkpoint; never: start over. Default: ${DEFAULT-VALUE}.")
  private Resume resume;

  @Option(
      names = "--skip-if-held",
      description =
          "End with exit code 0, not 75, if another process trains the run or a file stop keeps it from training:"
              + " for schedulers to which every other code is a failure, such as Kubernetes.")
  private boolean skipIfHeld;

  @Override
  public Integer call() throws Exception {
    TrainSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("train")) {
      TrainJob job = new TrainJob(spark, settings, Terminal.progress(), bigDl.jars());
      TrainResult result = job.run(data, RunFolder.at(run), ranks, resume == Resume.AUTO, limits());
      PrintWriter out = spec.commandLine().getOut();
      if (!ShutdownHookManager.get().isShutdownInProgress()) {
        TrainingSummary.lines(spark, RunFolder.at(run), result).forEach(out::println);
      }
      out.println("training run: " + run);
      out.flush();
    } catch (EndedInWaitException e) {
      spec.commandLine().getErr().println("moraine: " + e.getMessage());
      spec.commandLine().getErr().flush();
    } catch (TryLaterException e) {
      if (!skipIfHeld) {
        throw e;
      }
      spec.commandLine().getErr().println("moraine: " + e.getMessage() + " (--skip-if-held)");
      spec.commandLine().getErr().flush();
    }
    return ExitCode.DONE.code();
  }

  private Limits limits() {
    if (tokens != null && tokens < 1) {
      throw new ConfigException("--tokens must be at least 1, got %d.".formatted(tokens));
    }
    Limits limits = tokens == null ? Limits.NONE : Limits.ofTokens(tokens);
    if (wall == null) {
      return limits;
    }
    long gone = ManagementFactory.getRuntimeMXBean().getUptime();
    return limits.within(duration(wall).minusMillis(gone));
  }

  private static Duration duration(String time) {
    try {
      Duration duration = ConfigFactory.parseMap(Map.of("wall", time)).getDuration("wall");
      if (duration.toMillis() > 0 && duration.compareTo(LONGEST) <= 0) {
        return duration;
      }
    } catch (com.typesafe.config.ConfigException e) {
      // Said below.
    }
    throw new ConfigException(
        "--wall must be a time such as 55m, 2h or 90s, and at most %d days, got %s."
            .formatted(LONGEST.toDays(), time));
  }

  private TrainSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    options.put("train.steps", steps);
    options.put("train.wire.gradients", codec);
    options.put("train.engine.name", engine);
    return TrainSettings.of(
        SettingsFile.read(TrainSettings.DEFAULTS, Optional.ofNullable(config), options));
  }
}
