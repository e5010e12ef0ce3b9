package io.moraine.jobs.cli;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.EncodeJob;
import io.moraine.jobs.prepare.EncodeManifest;
import io.moraine.jobs.prepare.FunnelTable;
import java.io.PrintWriter;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Mixin;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine tokenizer encode}: a corpus to token ids. */
@Command(
    name = "encode",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Encode a corpus as it is with a tokenizer.",
    description = {
      "",
      "Writes documents/ with id, source, url, metadata, n_bytes, n_tokens and tokens; texts are not stored again.",
      "Names of special tokens inside a text are ordinary text.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine tokenizer encode --tokenizer data/tokenizer/tokenizer.json --input corpus/ --output tokens/",
      "  moraine tokenizer encode --tokenizer deepseek-v3/tokenizer.json --input a.jsonl.gz --output tokens/",
      "  moraine tokenizer encode --tokenizer cl100k_base.tiktoken --tokenizer-pattern cl100k \\",
      "      --tokenizer-special-tokens '<|endoftext|>=100257' --input corpus/ --output tokens/"
    })
final class TokenizerEncodeCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private CorpusOptions corpus;

  @Option(
      names = "--tokenizer",
      required = true,
      paramLabel = "FILE",
      description = "A tokenizer.json (byte-level BPE), or a .tiktoken rank file.")
  private String tokenizer;

  @Mixin private RankFileOptions rankFile;

  @Override
  public Integer call() throws Exception {
    Map<String, Object> options = new TreeMap<>();
    rankFile.addTo(options);
    PrepareSettings settings = PrepareSettings.of(corpus.settings("prepare.conf", options));
    try (SparkSession spark = SparkOptions.session("tokenizer encode")) {
      EncodeManifest manifest =
          new EncodeJob(spark, settings, Terminal.progress())
              .run(corpus.input(), corpus.output(), tokenizer, corpus.tasks(spark));
      PrintWriter out = spec.commandLine().getOut();
      out.println(
          String.format(
              Locale.ROOT,
              "%,d documents, %,d bytes, %,d tokens, %.3f bytes per token",
              manifest.documents(),
              manifest.bytes(),
              manifest.tokens(),
              (double) manifest.bytes() / Math.max(1, manifest.tokens())));
      FunnelTable.passedOver(manifest.passedOver()).ifPresent(out::println);
      out.println("encoded documents: " + corpus.output());
      out.flush();
    }
    return ExitCode.DONE.code();
  }
}
