package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.report.DedupPlan;
import io.moraine.jobs.report.ModelPlan;
import io.moraine.pipeline.lsh.Banding;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalDouble;
import java.util.concurrent.Callable;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine plan}: what a job would cost; nothing is run. */
@Command(
    name = "plan",
    mixinStandardHelpOptions = true,
    header = "Say what a job would find and cost; nothing is run.",
    subcommands = {PlanCommand.Dedup.class, PlanCommand.Model.class})
final class PlanCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** {@code moraine plan dedup}. */
  @Command(
      name = "dedup",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      header = "Bands and rows for near deduplication, with their recall and shuffle bytes.",
      description = {
        "",
        "Candidates are verified by exact Jaccard similarity, so bands decide recall and cost, never precision.",
        ""
      },
      footer = {
        "",
        "Examples:",
        "  moraine plan dedup --threshold 0.7 --recall 0.99",
        "  moraine plan dedup --threshold 0.8 --bands 14 --rows 8"
      })
  static final class Dedup implements Callable<Integer> {

    @Spec private CommandSpec spec;

    @Option(
        names = "--threshold",
        defaultValue = "0.7",
        paramLabel = "J",
        description = "Jaccard similarity from which documents are duplicates (${DEFAULT-VALUE}).")
    private double threshold;

    @Option(
        names = "--recall",
        defaultValue = "0.99",
        paramLabel = "P",
        description = "Share of pairs at the threshold to find (${DEFAULT-VALUE}).")
    private double recall;

    @Option(
        names = "--max-bands",
        defaultValue = "32",
        paramLabel = "B",
        description = "Most bands, each one shuffled row per document (${DEFAULT-VALUE}).")
    private int maxBands;

    @Option(
        names = "--id-bytes",
        defaultValue = "32",
        paramLabel = "N",
        description = "Length of an id, UTF-8 bytes (${DEFAULT-VALUE}).")
    private int idBytes;

    @Option(names = "--bands", paramLabel = "B", description = "Look at this many bands instead.")
    private Integer bands;

    @Option(names = "--rows", paramLabel = "R", description = "Rows per band, with --bands.")
    private Integer rows;

    @Override
    public Integer call() {
      if ((bands == null) != (rows == null)) {
        throw new ConfigException("--bands and --rows go together.");
      }
      if (!(threshold > 0 && threshold < 1) || idBytes < 1) {
        throw new ConfigException(
            "--threshold must be in (0, 1) and --id-bytes at least 1, got %s and %d."
                .formatted(threshold, idBytes));
      }
      Banding banding = banding();
      PrintWriter out = spec.commandLine().getOut();
      DedupPlan.lines(banding, threshold, idBytes, bands == null).forEach(out::println);
      out.flush();
      return ExitCode.DONE.code();
    }

    private Banding banding() {
      try {
        return bands != null
            ? new Banding(bands, rows)
            : Banding.forRecall(threshold, recall, maxBands);
      } catch (IllegalArgumentException e) {
        throw new ConfigException(e.getMessage() + ".", e);
      }
    }
  }

  /** {@code moraine plan model}. */
  @Command(
      name = "model",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      header = "Parameters, FLOPs, memory, bytes on the wire and time of training a model.",
      description = {
        "",
        "From the settings alone: no weight is allocated, so the largest models take a second.",
        ""
      },
      footer = {
        "",
        "Examples:",
        "  moraine plan model --config conf/models/small.conf --ranks 4",
        "  moraine plan model --config conf/models/deepseek-v3.conf --ranks 2048 --bandwidth 50 --rate 385"
      })
  static final class Model implements Callable<Integer> {

    @Spec private CommandSpec spec;

    @Option(
        names = "--config",
        paramLabel = "FILE",
        description = "Settings (HOCON) over the defaults of conf/models/demo.conf.")
    private Path config;

    @Option(
        names = "--ranks",
        defaultValue = "1",
        paramLabel = "N",
        description = "Number of ranks (${DEFAULT-VALUE}).")
    private int ranks;

    @Option(
        names = "--sequence-length",
        paramLabel = "N",
        description = "Tokens of a sequence; default: model.max-sequence-length.")
    private Integer sequenceLength;

    @Option(
        names = "--bandwidth",
        paramLabel = "GB/s",
        description = "That a rank sends and receives: adds times on the wire.")
    private Double bandwidth;

    @Option(
        names = "--rate",
        paramLabel = "TFLOP/s",
        description = "That a rank reaches: adds the time of a step and of the run.")
    private Double rate;

    @Override
    public Integer call() {
      TrainSettings settings =
          TrainSettings.of(
              SettingsFile.read(TrainSettings.DEFAULTS, Optional.ofNullable(config), Map.of()));
      int length = sequenceLength != null ? sequenceLength : settings.model().maxSequenceLength();
      if (ranks < 1 || length < 1) {
        throw new ConfigException(
            "--ranks and --sequence-length must be at least 1, got %d and %d."
                .formatted(ranks, length));
      }
      ModelPlan.Cluster cluster =
          new ModelPlan.Cluster(
              ranks, length, times("--bandwidth", bandwidth, 1e9), times("--rate", rate, 1e12));
      PrintWriter out = spec.commandLine().getOut();
      ModelPlan.lines(settings, cluster).forEach(out::println);
      out.flush();
      return ExitCode.DONE.code();
    }

    private static OptionalDouble times(String option, Double value, double unit) {
      if (value == null) {
        return OptionalDouble.empty();
      }
      if (!(value > 0)) {
        throw new ConfigException("%s must be positive, got %s.".formatted(option, value));
      }
      return OptionalDouble.of(value * unit);
    }
  }
}
