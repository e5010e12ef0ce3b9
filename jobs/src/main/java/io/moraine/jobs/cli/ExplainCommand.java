package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.explain.ExplainReport;
import io.moraine.jobs.explain.ExplainedQuery;
import io.moraine.jobs.explain.PrepareExplanation;
import io.moraine.jobs.explain.Rapids;
import java.io.IOException;
import java.io.PrintWriter;
import java.nio.file.Files;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine explain}: what of a job would run on a GPU. */
@Command(
    name = "explain",
    mixinStandardHelpOptions = true,
    header = "Say what of a job would run on a GPU; none is needed.",
    subcommands = ExplainCommand.Prepare.class)
final class ExplainCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }

  /** {@code moraine explain prepare}. */
  @Command(
      name = "prepare",
      mixinStandardHelpOptions = true,
      sortOptions = false,
      header = "Stage by stage, what of prepare would run on a GPU, and why the rest would not.",
      description = {
        "",
        "Runs prepare on the input into a folder that is gone afterwards, since each stage's plan follows from what the",
        "one before it found, and asks the RAPIDS Accelerator about every plan: so give it a part of the corpus.",
        "An operator runs on the GPU, or on it with an expression that goes through the CPU (bridge), or on the CPU.",
        "Needs the accelerator's jar, no GPU: mvn -Pgpu -pl spark-home package (575 MB)",
        ""
      },
      footer = {
        "",
        "Examples:",
        "  moraine explain prepare --input corpus/",
        "  moraine explain prepare --input part.jsonl.gz --config my.conf --full",
        "  moraine explain prepare --input part/ --conf spark.sql.autoBroadcastJoinThreshold=-1"
      })
  static final class Prepare implements Callable<Integer> {

    private static final String SPARK = "3.5.";

    @Spec private CommandSpec spec;

    @Mixin private InputOptions input;

    @Option(
        names = "--work",
        paramLabel = "DIR",
        description =
            "Where the dataset lies meanwhile; must not be there. Default: a temporary folder of this machine.")
    private String work;

    @Option(names = "--full", description = "Everything that RAPIDS says, expressions too.")
    private boolean full;

    @Override
    public Integer call() throws Exception {
      Rapids rapids =
          Rapids.onClassPath()
              .orElseThrow(
                  () ->
                      new ConfigException(
                          "explain asks the RAPIDS Accelerator, whose jar is not here. Get it (575 MB) with:"
                              + " mvn -Pgpu -pl spark-home package"));
      PrepareSettings settings = PrepareSettings.of(input.settings("prepare.conf", Map.of()));
      try (SparkSession spark = SparkOptions.withoutPlugin("explain")) {
        if (!spark.version().startsWith(SPARK)) {
          throw new ConfigException(
              "explain reads the plans of Spark 3.5, got Spark %s. Unset SPARK_HOME to use the Spark that Maven resolved."
                  .formatted(spark.version()));
        }
        List<ExplainedQuery> queries =
            new PrepareExplanation(spark, rapids, settings, Terminal.progress())
                .of(input.input(), input.tasks(spark), work(spark));
        PrintWriter out = spec.commandLine().getOut();
        (full ? ExplainReport.inFull(queries) : ExplainReport.lines(queries)).forEach(out::println);
        out.flush();
      }
      return ExitCode.DONE.code();
    }

    private Path work(SparkSession spark) throws IOException {
      if (work == null && !spark.sparkContext().isLocal()) {
        throw new ConfigException(
            "on a cluster --work must be said: a folder that all executors reach and that is not there.");
      }
      if (work == null) {
        return new Path(Files.createTempDirectory("moraine-explain").toUri());
      }
      Configuration hadoop = spark.sparkContext().hadoopConfiguration();
      Path folder = new Path(work);
      if (folder.getFileSystem(hadoop).exists(folder)) {
        throw new ConfigException(
            "--work %s is there already. Name a folder that is not: it is removed at the end."
                .formatted(work));
      }
      return folder;
    }
  }
}
