package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.prepare.DatasetPaths;
import io.moraine.jobs.prepare.FunnelTable;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PrepareJob;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.jobs.progress.Progress;
import io.moraine.jobs.report.EvaluationTable;
import io.moraine.jobs.report.HtmlReport;
import io.moraine.jobs.report.RemovedExamples;
import io.moraine.jobs.report.TrainingSummary;
import io.moraine.jobs.train.EvaluateJob;
import io.moraine.jobs.train.GenerateJob;
import io.moraine.jobs.train.Limits;
import io.moraine.jobs.train.RunFolder;
import io.moraine.jobs.train.TrainJob;
import io.moraine.model.generate.SamplingConfig;
import io.moraine.model.train.TrainResult;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine demo}: the whole way on real text, on this machine. */
@Command(
    name = "demo",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "The whole way on this machine, in minutes: corpus, dataset, model, text.",
    description = {
      "",
      "Fetches the sources of a dozen Apache-2.0 libraries with Maven, prepares them, trains a small",
      "mixture-of-experts model on two ranks and lets it write. Started again it goes on where it stopped.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine demo",
      "  moraine demo --work /tmp/demo --input my-texts/",
      "  moraine demo --reduced"
    })
final class DemoCommand implements Callable<Integer> {

  private static final int RANKS = 2;
  private static final int EXAMPLES = 5;
  private static final String PROMPT = "    /**\n     * Returns ";

  @Spec private CommandSpec spec;

  @Option(
      names = "--work",
      paramLabel = "DIR",
      defaultValue = "demo-work",
      description = "Where everything is written. Default: ${DEFAULT-VALUE}.")
  private Path work;

  @Option(
      names = "--input",
      split = ",",
      paramLabel = "PATH",
      description = "Your own text instead: folders, JSON lines or Parquet.")
  private List<String> input;

  @Option(
      names = "--reduced",
      description = "A small part of the corpus and few steps: to see whether everything works.")
  private boolean reduced;

  @Override
  public Integer call() throws Exception {
    Progress progress = Terminal.progress();
    List<String> corpus = input == null ? List.of(fetchCorpus(progress)) : input;
    PreparedDataset dataset = PreparedDataset.at(work.resolve("data").toString());
    RunFolder run = RunFolder.at(work.resolve("run").toString());
    List<String> page = new ArrayList<>();
    try (SparkSession spark = SparkOptions.session("demo")) {
      PrepareSettings prepare = prepareSettings();
      Manifest manifest =
          new PrepareJob(spark, prepare, progress)
              .run(
                  new DatasetPaths(corpus, dataset.root().toString()), Optional.empty(), 2 * RANKS);
      TrainSettings train = trainSettings(manifest.vocabularySize());
      TrainResult result =
          new TrainJob(spark, train, progress)
              .run(List.of(dataset.root().toString()), run, RANKS, true, Limits.NONE);
      EvaluateJob.Evaluation evaluation =
          new EvaluateJob(spark, progress).run(run, dataset.root().toString());
      String sample =
          GenerateJob.generate(
                  spark.sparkContext().hadoopConfiguration(),
                  run,
                  PROMPT,
                  120,
                  new SamplingConfig(0.7, 40, 1, 1, 1),
                  false,
                  progress)
              .text();

      page.add("");
      page.add("=== The funnel ===");
      page.addAll(FunnelTable.lines(manifest));
      page.add("");
      page.add("=== Near duplicates, for example ===");
      page.addAll(RemovedExamples.lines(spark, dataset, EXAMPLES));
      page.add("");
      page.add("=== Training: " + modelLine(train) + " ===");
      page.addAll(TrainingSummary.lines(spark, run, result));
      page.add("");
      page.add("=== Held-out text ===");
      page.addAll(EvaluationTable.lines(evaluation));
      page.add("");
      page.add("=== What it writes after \"" + PROMPT.strip().replaceAll("\\s+", " ") + "\" ===");
      page.addAll(sample.lines().toList());
      page.add("");
      page.add("=== Where everything is ===");
      page.addAll(places(corpus));
      RunFolder.replace(
          spark.sparkContext().hadoopConfiguration(),
          new org.apache.hadoop.fs.Path(report().toString()),
          HtmlReport.of(
              spark, Optional.of(dataset.root().toString()), List.of(run.root().toString())));
    }
    PrintWriter out = spec.commandLine().getOut();
    page.forEach(out::println);
    out.flush();
    Files.write(work.resolve("summary.txt"), page);
    return ExitCode.DONE.code();
  }

  private Path report() {
    return work.resolve("report.html");
  }

  private List<String> places(List<String> corpus) {
    return List.of(
        "corpus       " + String.join(", ", corpus),
        "dataset      "
            + work.resolve("data")
            + "  (documents, removed, quarantine, sequences: Parquet)",
        "run          "
            + work.resolve("run")
            + "  (checkpoints, metrics, settings.json, status.json)",
        "TensorBoard  tensorboard --logdir " + work.resolve("run/tensorboard"),
        "report       " + report() + "  (open it in a browser)",
        "this page    " + work.resolve("summary.txt"),
        "more text    ./moraine generate --run "
            + work.resolve("run")
            + " --prompt 'public static '");
  }

  private static String modelLine(TrainSettings settings) {
    return "%,d parameters, %,d active per token, %d ranks, gradients in %s"
        .formatted(
            settings.model().parameters(),
            settings.model().activeParameters(),
            RANKS,
            settings.train().wire().gradients().name());
  }

  private PrepareSettings prepareSettings() {
    return PrepareSettings.of(
        SettingsFile.read(
            "prepare.conf",
            Optional.empty(),
            Map.of("tokenizer.vocabulary-size", reduced ? 2048 : 8192, "held-out.fraction", 0.02)));
  }

  private TrainSettings trainSettings(int vocabularySize) {
    Map<String, Object> options =
        reduced
            ? Map.of(
                "model.vocabulary-size", vocabularySize,
                "train.steps", 60,
                "train.checkpoint-every", 30,
                "train.evaluate-every", 30)
            : Map.of("model.vocabulary-size", vocabularySize);
    return TrainSettings.of(SettingsFile.read(TrainSettings.DEFAULTS, Optional.empty(), options));
  }

  /** Lets Maven unpack the libraries' sources; what is there already is not fetched again. */
  private String fetchCorpus(Progress progress) throws IOException, InterruptedException {
    String home = System.getProperty("moraine.home", "");
    if (home.isEmpty()) {
      throw new ConfigException(
          "the demo's corpus is fetched by ./moraine demo; with spark-submit name a corpus by --input.");
    }
    Path corpus = work.resolve("corpus").toAbsolutePath();
    Files.createDirectories(corpus);
    progress.start("corpus");
    Process maven =
        new ProcessBuilder(
                "mvn",
                "-B",
                "-q",
                "-f",
                Path.of(home, "conf", "demo-corpus", "pom.xml").toString(),
                "generate-resources",
                "-Dcorpus=" + corpus,
                reduced ? "-Preduced" : "-Pfull")
            .redirectOutput(ProcessBuilder.Redirect.DISCARD)
            .redirectError(ProcessBuilder.Redirect.INHERIT)
            .start();
    if (maven.waitFor() != 0) {
      throw new IOException("Maven could not fetch the demo's corpus, see above.");
    }
    progress.done(corpus.toString());
    return corpus.toString();
  }
}
