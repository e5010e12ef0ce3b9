package io.moraine.jobs.cli;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.report.TrainingSummary;
import io.moraine.jobs.train.RunFolder;
import io.moraine.jobs.train.TrainJob;
import io.moraine.model.train.TrainResult;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
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
      "checkpoint; a run that was killed and resumed ends with the same weights, bit for bit.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine train --data data/ --run run/ --ranks 2",
      "  moraine train --data data/ --run run/ --config my-model.conf --steps 2000 --codec bf16",
      "  moraine train --master spark://host:7077 --executor-cores 8 --data hdfs:/data --run hdfs:/run --ranks 4"
    })
final class TrainCommand implements Callable<Integer> {

  /** What to do with checkpoints that are already there. */
  enum Resume {
    AUTO,
    NEVER
  }

  @Spec private CommandSpec spec;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "A prepared dataset.")
  private String data;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "The run's folder.")
  private String run;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/models/demo.conf.")
  private Path config;

  @Option(names = "--steps", paramLabel = "N", description = "Stop after this many steps in all.")
  private Integer steps;

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
      names = "--resume",
      paramLabel = "WHEN",
      defaultValue = "auto",
      description =
          "auto: from the newest whole checkpoint; never: start over. Default: ${DEFAULT-VALUE}.")
  private Resume resume;

  @Override
  public Integer call() throws Exception {
    TrainSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("train")) {
      TrainJob job = new TrainJob(spark, settings, Terminal.progress());
      TrainResult result = job.run(data, RunFolder.at(run), ranks, resume == Resume.AUTO);
      PrintWriter out = spec.commandLine().getOut();
      TrainingSummary.lines(spark, RunFolder.at(run), result).forEach(out::println);
      out.println("training run: " + run);
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private TrainSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    options.put("train.steps", steps);
    options.put("train.wire.gradients", codec);
    return TrainSettings.of(
        SettingsFile.read(TrainSettings.DEFAULTS, Optional.ofNullable(config), options));
  }
}
