package io.moraine.jobs.cli;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PrepareJob;
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

/** {@code moraine prepare}: a corpus to a prepared dataset. */
@Command(
    name = "prepare",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Clean, deduplicate, tokenize and pack a corpus into a prepared dataset.",
    description = {
      "",
      "Reads folders of text or source code, JSON lines (plain or gzip) and Parquet. Every document is",
      "either in documents/, or named with a reason in removed/, or in quarantine/ with file and offset.",
      "The dataset appears under its name only when it is whole.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine prepare --input corpus/ --output data/ --vocab-size 8192",
      "  moraine prepare --input a.jsonl.gz,b.parquet --output data/ --tokenizer tokenizer.json",
      "  moraine prepare --master spark://host:7077 --input hdfs:/crawl --output hdfs:/data --config my.conf"
    })
final class PrepareCommand implements Callable<Integer> {

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
          "The dataset's folder; an earlier dataset there is replaced when this one is whole.")
  private String output;

  @Option(
      names = "--config",
      paramLabel = "FILE",
      description = "Settings (HOCON) over the defaults of conf/prepare.conf.")
  private Path config;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description = "Use this tokenizer.json (byte-level BPE) instead of training one.")
  private String tokenizer;

  @Option(
      names = "--vocab-size",
      paramLabel = "N",
      description =
          "Size of the vocabulary to train; default: the setting tokenizer.vocabulary-size.")
  private Integer vocabularySize;

  @Option(
      names = "--threshold",
      paramLabel = "J",
      description =
          "Jaccard similarity from which a document is a near duplicate; default: near.threshold.")
  private Double threshold;

  @Option(
      names = "--sequence-length",
      paramLabel = "L",
      description = "Tokens per sequence; default: sequences.length.")
  private Integer sequenceLength;

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
      description =
          "parquet or jsonl (gzip), for documents, removed and quarantine; default: output.format.")
  private String outputFormat;

  @Option(
      names = "--partitions",
      paramLabel = "N",
      description = "Tasks that read the input; changes no result. Default: twice the cores.")
  private Integer partitions;

  @Override
  public Integer call() throws Exception {
    PrepareSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("prepare")) {
      Manifest manifest =
          new PrepareJob(spark, settings, Terminal.progress())
              .run(input, output, Optional.ofNullable(tokenizer), tasks(spark));
      PrintWriter out = spec.commandLine().getOut();
      FunnelTable.lines(manifest).forEach(out::println);
      out.println("prepared dataset: " + output);
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private int tasks(SparkSession spark) {
    return partitions != null ? partitions : 2 * spark.sparkContext().defaultParallelism();
  }

  private PrepareSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    put(options, "tokenizer.vocabulary-size", vocabularySize);
    put(options, "near.threshold", threshold);
    put(options, "sequences.length", sequenceLength);
    put(options, "read.text-field", textField);
    put(options, "read.id-field", idField);
    put(options, "output.format", outputFormat);
    return PrepareSettings.of(
        SettingsFile.read("prepare.conf", Optional.ofNullable(config), options));
  }

  static void put(Map<String, Object> options, String key, Object value) {
    if (value != null) {
      options.put(key, value);
    }
  }
}
