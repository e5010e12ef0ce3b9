package io.moraine.jobs.cli;

import io.moraine.jobs.config.PrepareSettings;
import io.moraine.jobs.prepare.FunnelTable;
import io.moraine.jobs.prepare.TokenizerJob;
import io.moraine.jobs.prepare.TokenizerManifest;
import java.io.PrintWriter;
import java.util.List;
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

/** {@code moraine tokenizer train}: a corpus to a tokenizer. */
@Command(
    name = "train",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Train a byte-level BPE tokenizer on a corpus.",
    description = {
      "",
      "Pieces of text are counted on the cluster with 64 bits, merges are learned on the driver: the same vocabulary",
      "for any number of partitions. Writes tokenizer.json, which Hugging Face's tokenizers load, and a manifest.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine tokenizer train --input corpus/ --vocab-size 32768 --output tokenizer/",
      "  moraine tokenizer train --input a.jsonl.gz --vocab-size 8192 --output tokenizer/ \\",
      "      --special-tokens '<|endoftext|>,<|fim_begin|>,<|fim_hole|>,<|fim_end|>'"
    })
final class TokenizerTrainCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Mixin private CorpusOptions corpus;

  @Option(
      names = "--vocab-size",
      paramLabel = "N",
      description = "Size of the vocabulary; default: tokenizer.vocabulary-size.")
  private Integer vocabularySize;

  @Option(
      names = "--min-frequency",
      paramLabel = "N",
      description = "Pairs seen less often are not merged; default: tokenizer.min-frequency.")
  private Long minFrequency;

  @Option(
      names = "--special-tokens",
      split = ",",
      paramLabel = "NAME",
      description =
          "The first ids, several separated by commas; default: tokenizer.special-tokens.")
  private List<String> specialTokens;

  @Override
  public Integer call() throws Exception {
    Map<String, Object> options = new TreeMap<>();
    options.put("tokenizer.vocabulary-size", vocabularySize);
    options.put("tokenizer.min-frequency", minFrequency);
    options.put("tokenizer.special-tokens", specialTokens);
    PrepareSettings settings = PrepareSettings.of(corpus.settings("prepare.conf", options));
    try (SparkSession spark = SparkOptions.session("tokenizer train")) {
      TokenizerManifest manifest =
          new TokenizerJob(spark, settings, Terminal.progress())
              .run(corpus.input(), corpus.output(), corpus.tasks(spark));
      PrintWriter out = spec.commandLine().getOut();
      out.println(
          String.format(
              Locale.ROOT,
              "%,d tokens from %,d documents with %,d distinct pieces",
              manifest.vocabularySize(),
              manifest.documents(),
              manifest.pieces()));
      if (manifest.heldOutTokens() > 0) {
        out.println(
            String.format(
                Locale.ROOT,
                "held-out documents: %,d bytes, %.3f bytes per token",
                manifest.heldOutBytes(),
                (double) manifest.heldOutBytes() / manifest.heldOutTokens()));
      }
      FunnelTable.passedOver(manifest.passedOver()).ifPresent(out::println);
      out.println("tokenizer: " + corpus.output() + "/tokenizer.json");
      out.flush();
    }
    return ExitCode.DONE.code();
  }
}
