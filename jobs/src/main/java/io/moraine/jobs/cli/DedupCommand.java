package io.moraine.jobs.cli;

import io.moraine.jobs.config.DedupSettings;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.prepare.DedupJob;
import io.moraine.jobs.prepare.DedupManifest;
import io.moraine.jobs.report.FunnelTable;
import java.io.PrintWriter;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine dedup}: exact and near deduplication alone. */
@Command(
    name = "dedup",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Remove exact and near duplicates from a corpus, and nothing else.",
    description = {
      "",
      "Texts leave as they came. Every document is either in documents/, or in removed/ with the kept document",
      "that it duplicates and their exact Jaccard similarity, or in quarantine/ with file and offset.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine dedup --input corpus/ --output unique/",
      "  moraine dedup --input a.jsonl.gz --output unique/ --threshold 0.8 --output-format jsonl",
      "  moraine plan dedup --threshold 0.8 --recall 0.99"
    })
final class DedupCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--input",
      required = true,
      split = ",",
      paramLabel = "PATH",
      description = "Files or folders, several separated by commas; any Hadoop path.")
  private List<String> input;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; an earlier result there is replaced when this one is whole.")
  private String output;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/dedup.conf.")
  private Path config;

  @Option(
      names = "--threshold",
      paramLabel = "J",
      description =
          "Jaccard similarity from which a document is a near duplicate; default: near.threshold.")
  private Double threshold;

  @Option(
      names = "--ngram",
      paramLabel = "N",
      description = "Words per shingle; default: near.shingle-words.")
  private Integer shingleWords;

  @Option(
      names = "--mode",
      paramLabel = "MODE",
      description =
          "verified: every removed document has a kept duplicate; closure: one document per chain of duplicates;"
              + " default: near.survivors.")
  private String mode;

  @Option(
      names = "--text-field",
      paramLabel = "NAME",
      description = "Field with the text; default: read.text-field.")
  private String textField;

  @Option(
      names = "--id-field",
      paramLabel = "NAME",
      description = "Field with the id; default: read.id-field.")
  private String idField;

  @Option(
      names = "--output-format",
      paramLabel = "FORMAT",
      description = "parquet or jsonl (gzip); default: output.format.")
  private String outputFormat;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description = "Tasks that read the input; changes no result. Default: twice the cores.")
  private Integer partitions;

  @Override
  public Integer call() throws Exception {
    DedupSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("dedup")) {
      int tasks = partitions != null ? partitions : 2 * spark.sparkContext().defaultParallelism();
      DedupManifest manifest =
          new DedupJob(spark, settings, Terminal.progress()).run(input, output, tasks);
      PrintWriter out = spec.commandLine().getOut();
      FunnelTable.stages(manifest.funnel()).forEach(out::println);
      out.println("deduplicated documents: " + output);
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private DedupSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    PrepareCommand.put(options, "near.threshold", threshold);
    PrepareCommand.put(options, "near.shingle-words", shingleWords);
    PrepareCommand.put(options, "near.survivors", mode);
    PrepareCommand.put(options, "read.text-field", textField);
    PrepareCommand.put(options, "read.id-field", idField);
    PrepareCommand.put(options, "output.format", outputFormat);
    return DedupSettings.of(SettingsFile.read("dedup.conf", Optional.ofNullable(config), options));
  }
}
