package io.moraine.jobs.cli;

import io.moraine.jobs.report.EvaluationTable;
import io.moraine.jobs.train.EvaluateJob;
import io.moraine.jobs.train.RunFolder;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine evaluate}: held-out loss, perplexity and bits per byte. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header =
        "Held-out loss, perplexity and bits per byte of a run's newest checkpoint, per source.",
    footer = {"", "Example:", "  moraine evaluate --run run/ --data data/"})
final class EvaluateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "A training run.")
  private String run;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "The prepared dataset whose held-out sequences are looked at.")
  private String data;

  @Override
  public Integer call() throws Exception {
    try (SparkSession spark = SparkOptions.session("evaluate")) {
      EvaluateJob.Evaluation evaluation =
          new EvaluateJob(spark, Terminal.progress()).run(RunFolder.at(run), data);
      PrintWriter out = spec.commandLine().getOut();
      EvaluationTable.lines(evaluation).forEach(out::println);
      out.flush();
    }
    return ExitCode.DONE.code();
  }
}
