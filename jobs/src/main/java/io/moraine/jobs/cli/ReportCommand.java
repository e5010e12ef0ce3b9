package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.report.HtmlReport;
import io.moraine.jobs.train.RunFolder;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine report}: a dataset and runs as one HTML file. */
@Command(
    name = "report",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "A dataset and training runs as one HTML file with charts.",
    description = {
      "",
      "The file needs nothing beside it and loads nothing. It holds texts of the corpus: beginnings of kept documents and",
      "sampled pairs of near duplicates.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine report --data data/ --run run/ --output report.html",
      "  moraine report --data unique/ --output corpus.html",
      "  moraine report --run run-int8/ --run run-fp32/ --output runs.html"
    })
final class ReportCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(names = "--data", paramLabel = "DIR", description = "What prepare or dedup wrote.")
  private String data;

  @Option(
      names = "--run",
      paramLabel = "DIR",
      description = "A training run; several are drawn into the same charts.")
  private List<String> runs = List.of();

  @Option(
      names = "--output",
      required = true,
      paramLabel = "FILE",
      description = "The HTML file; one that is there is replaced.")
  private String output;

  @Override
  public Integer call() throws Exception {
    if (data == null && runs.isEmpty()) {
      throw new ConfigException("report needs --data DIR, --run DIR or both.");
    }
    refuseFolder();
    try (SparkSession spark = SparkOptions.session("report")) {
      String page = HtmlReport.of(spark, Optional.ofNullable(data), runs);
      RunFolder.replace(spark.sparkContext().hadoopConfiguration(), new Path(output), page);
    }
    spec.commandLine().getOut().println(output);
    spec.commandLine().getOut().flush();
    return ExitCode.DONE.code();
  }

  private void refuseFolder() throws IOException {
    Path file = new Path(output);
    FileSystem files = file.getFileSystem(new Configuration());
    if (files.exists(file) && files.getFileStatus(file).isDirectory()) {
      throw new ConfigException(
          "--output %s is a folder. Name a file, such as %s."
              .formatted(output, new Path(file, "report.html")));
    }
  }
}
