package io.moraine.jobs.train;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.progress.Progress;
import java.io.IOException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/**
 * Held-out loss of training with each way of sending gradients and weights, against the first one.
 *
 * <p>Arguments: a prepared dataset, the folder of runs, settings, ranks, seeds (1,2,3), then ways:
 * GRADIENTS,FEEDBACK,WEIGHTS, values of {@code train.wire} ({@code int4,off,bf16}), behind which
 * may be others, NAME=VALUE ({@code topk,auto,bf16,full-steps=16}). Trains all ways for one seed
 * before the next; a run that is done with these settings is left as it is. Prints a row per way:
 * losses by seed, their mean, mean difference from the first way at the same seed, standard error
 * of that mean, bytes that a rank sends in a step, seconds of these at 100 Mbit/s, and the seconds
 * that a tenth of the steps took at most, which others on the machine disturbed least.
 */
public final class ReductionQuality {

  private static final double LINK_BITS_PER_SECOND = 100e6;

  /** Steps that seconds are not taken of: first use, and compilation. */
  private static final int WARM_UP = 5;

  private static final String HEADER =
"""
| gradients | feedback | weights | held-out loss by seed | mean | above the first | its error \
| bytes a step | seconds at 100 Mbit/s | seconds of a step |
|---|---|---|---|---|---|---|---|---|---|\
""";

  private final SparkSession spark;
  private final String data;
  private final String runs;
  private final Path settings;
  private final int ranks;

  private ReductionQuality(SparkSession spark, String data, String runs, Path settings, int ranks) {
    this.spark = spark;
    this.data = data;
    this.runs = runs;
    this.settings = settings;
    this.ranks = ranks;
  }

  /** How gradients and weights are sent, as {@code train.wire} has it. */
  private record Way(String gradients, String feedback, String weights, List<String> others) {

    static Way parse(String text) {
      List<String> parts = List.of(text.split(",", -1));
      return new Way(parts.get(0), parts.get(1), parts.get(2), parts.subList(3, parts.size()));
    }

    String run(int seed) {
      String name = "%s-%s-%s-seed%d".formatted(gradients, feedback, weights, seed);
      return others.isEmpty() ? name : name + "-" + String.join("-", others);
    }

    Map<String, Object> settings() {
      Map<String, Object> settings = new HashMap<>();
      settings.put("train.wire.gradients", gradients);
      settings.put("train.wire.error-feedback", feedback);
      settings.put("train.wire.weights", weights);
      for (String other : others) {
        String[] pair = other.split("=", 2);
        settings.put("train.wire." + pair[0], pair[1]);
      }
      return settings;
    }
  }

  /** What a way came to, values by seed. */
  private record Outcome(Way way, List<Run> runs) {

    double mean() {
      return runs.stream().mapToDouble(Run::loss).average().orElseThrow();
    }

    /** Differences from another way's losses, by seed. */
    double[] above(Outcome other) {
      double[] differences = new double[runs.size()];
      for (int i = 0; i < differences.length; i++) {
        differences[i] = runs.get(i).loss() - other.runs.get(i).loss();
      }
      return differences;
    }
  }

  /**
   * What a run came to.
   *
   * @param loss held-out, after the last step
   * @param bytes sent by rank 0 in a step, mean
   * @param seconds of a step; a tenth took less
   */
  private record Run(double loss, double bytes, double seconds) {}

  public static void main(String[] args) throws IOException {
    Locale.setDefault(Locale.ROOT);
    int ranks = Integer.parseInt(args[3]);
    int[] seeds = Arrays.stream(args[4].split(",", -1)).mapToInt(Integer::parseInt).toArray();
    List<Way> ways = Arrays.stream(args).skip(5).map(Way::parse).toList();
    try (SparkSession spark =
        SparkSession.builder()
            .master("local[%d]".formatted(ranks))
            .config("spark.ui.enabled", "false")
            .getOrCreate()) {
      ReductionQuality quality =
          new ReductionQuality(spark, args[0], args[1], Path.of(args[2]), ranks);
      for (int seed : seeds) {
        for (Way way : ways) {
          quality.train(way, seed);
        }
      }
      List<Outcome> outcomes = new ArrayList<>();
      for (Way way : ways) {
        outcomes.add(new Outcome(way, quality.read(way, seeds)));
      }
      System.out.println(HEADER);
      outcomes.forEach(outcome -> print(outcome, outcomes.get(0)));
    }
    System.exit(0); // the timer of Spark's barrier is no daemon
  }

  private void train(Way way, int seed) throws IOException {
    RunFolder run = RunFolder.at(runs + "/" + way.run(seed));
    TrainSettings wanted = settings(way, seed);
    boolean isSame = isRecorded(run, wanted);
    if (isSame && isDone(run)) {
      return;
    }
    Progress progress = new Progress(System.err, false, System::nanoTime);
    progress.say(run.root().toString());
    new TrainJob(spark, wanted, progress).run(List.of(data), run, ranks, isSame, Limits.NONE);
  }

  private TrainSettings settings(Way way, int seed) {
    Map<String, Object> given = way.settings();
    given.put("train.seed", seed);
    return TrainSettings.of(
        SettingsFile.read(TrainSettings.DEFAULTS, Optional.of(settings), given));
  }

  private boolean isRecorded(RunFolder run, TrainSettings wanted) throws IOException {
    return run.exists(hadoop())
        && TrainSettings.recorded(run.read(hadoop(), run.settings()), run.settings().toString())
            .digest()
            .equals(wanted.digest());
  }

  private boolean isDone(RunFolder run) throws IOException {
    return run.status().getFileSystem(hadoop()).exists(run.status())
        && Status.parse(run.read(hadoop(), run.status())).state.equals("done");
  }

  private Configuration hadoop() {
    return spark.sparkContext().hadoopConfiguration();
  }

  private List<Run> read(Way way, int[] seeds) {
    List<Run> read = new ArrayList<>();
    for (int seed : seeds) {
      List<Row> steps =
          spark
              .read()
              .parquet(RunFolder.at(runs + "/" + way.run(seed)).metrics().toString())
              .orderBy("step")
              .select("held_out_loss", "wire_bytes", "seconds")
              .collectAsList();
      read.add(
          new Run(
              steps.get(steps.size() - 1).getDouble(0),
              steps.stream().mapToLong(step -> step.getLong(1)).average().orElseThrow(),
              decile(steps.stream().skip(WARM_UP).map(step -> step.getDouble(2)).toList())));
    }
    return read;
  }

  private static double decile(List<Double> values) {
    return values.stream().sorted().toList().get(values.size() / 10);
  }

  private static List<String> prepended(String first, List<String> rest) {
    List<String> all = new ArrayList<>(List.of(first));
    all.addAll(rest);
    return all;
  }

  private static void print(Outcome outcome, Outcome first) {
    double[] above = outcome.above(first);
    double mean = Arrays.stream(above).average().orElseThrow();
    double squares = Arrays.stream(above).map(d -> (d - mean) * (d - mean)).sum();
    double bytes = outcome.runs().stream().mapToDouble(Run::bytes).average().orElseThrow();
    System.out.printf(
        "| `%s` | %s | `%s` | %s | %.4f | %+.4f | %.4f | %,.0f | %.2f | %.2f |%n",
        String.join(", ", prepended(outcome.way().gradients(), outcome.way().others())),
        outcome.way().feedback(),
        outcome.way().weights(),
        String.join(
            ", ", outcome.runs().stream().map(run -> "%.4f".formatted(run.loss())).toList()),
        outcome.mean(),
        mean,
        Math.sqrt(squares / (above.length - 1) / above.length),
        bytes,
        8 * bytes / LINK_BITS_PER_SECOND,
        outcome.runs().stream().mapToDouble(Run::seconds).min().orElseThrow());
  }
}
