package io.moraine.jobs.cli;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.FunnelTable;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.PrepareJob;
import java.io.PrintWriter;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
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
      "Reads folders of text or source code, JSON lines, WARC and WET (each plain, gzip or zstd) and Parquet.",
      "Every document is either in documents/, or named with a reason in removed/, or in quarantine/ with file",
      "and offset. What of the input is none (blank lines, requests of a crawl) is counted by reason.",
      "The dataset appears under its name only when it is whole.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine prepare --input corpus/ --output data/ --vocab-size 8192",
      "  moraine prepare --input a.jsonl.gz,b.parquet --output data/ --tokenizer tokenizer.json",
      "  moraine prepare --input day-2/ --output data-2/ --index seen/ --tokenizer data-1/tokenizer/tokenizer.json",
      "  moraine prepare --master spark://host:7077 --input hdfs:/crawl --output hdfs:/data --config my.conf"
    })
final class PrepareCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private DocumentOptions documents;

  @Option(
      names = "--tokenizer",
      paramLabel = "FILE",
      description =
          "Use this tokenizer.json (byte-level BPE) or .tiktoken rank file instead of training one.")
  private String tokenizer;

  @Mixin private RankFileOptions rankFile;

  @Option(
      names = "--vocab-size",
      paramLabel = "N",
      description =
          "Size of the vocabulary to train; default: the setting tokenizer.vocabulary-size.")
  private Integer vocabularySize;

  @Option(
      names = "--sequence-length",
      paramLabel = "L",
      description = "Tokens per sequence; default: sequences.length.")
  private Integer sequenceLength;

  @Override
  public Integer call() throws Exception {
    PrepareSettings settings = settings();
    try (SparkSession spark = SparkOptions.session("prepare")) {
      Manifest manifest =
          new PrepareJob(spark, settings, Terminal.progress())
              .run(documents.paths(), Optional.ofNullable(tokenizer), documents.tasks(spark));
      PrintWriter out = spec.commandLine().getOut();
      FunnelTable.lines(manifest).forEach(out::println);
      out.println("prepared dataset: " + documents.paths().output());
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private PrepareSettings settings() {
    Map<String, Object> options = new TreeMap<>();
    options.put("tokenizer.vocabulary-size", vocabularySize);
    options.put("sequences.length", sequenceLength);
    rankFile.addTo(options);
    return PrepareSettings.of(documents.settings("prepare.conf", options));
  }
}
