package io.moraine.jobs.cli;

import io.moraine.jobs.report.EvaluationJson;
import io.moraine.jobs.report.EvaluationTable;
import io.moraine.jobs.train.EvaluateJob;
import io.moraine.jobs.train.RunFolder;
import java.io.PrintWriter;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine evaluate}: held-out loss, perplexity, bits per byte and expert load. */
@Command(
    name = "evaluate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header =
        "Held-out loss, perplexity, bits per byte and expert load of a run's checkpoint, per source.",
    footer = {
      "",
      "Examples:",
      "  moraine evaluate --run run/ --data data/",
      "  moraine evaluate --run run/ --data data/ --step 400 --output evaluation.json"
    })
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

  @Option(
      names = "--step",
      paramLabel = "N",
      description = "Of the checkpoint to look at; default: the newest whole one.")
  private Long step;

  @Option(
      names = "--output",
      paramLabel = "FILE",
      description = "Also write the evaluation there, as JSON with the share of every expert.")
  private String output;

  @Override
  public Integer call() throws Exception {
    try (SparkSession spark = SparkOptions.session("evaluate")) {
      OptionalLong ofStep = step == null ? OptionalLong.empty() : OptionalLong.of(step);
      EvaluateJob.Evaluation evaluation =
          new EvaluateJob(spark, Terminal.progress()).run(RunFolder.at(run), ofStep, data);
      if (output != null) {
        RunFolder.replace(
            spark.sparkContext().hadoopConfiguration(),
            new Path(output),
            EvaluationJson.rendered(evaluation));
      }
      PrintWriter out = spec.commandLine().getOut();
      EvaluationTable.lines(evaluation).forEach(out::println);
      EvaluationTable.expertLoad(evaluation).forEach(out::println);
      out.flush();
    }
    return ExitCode.DONE.code();
  }
}
