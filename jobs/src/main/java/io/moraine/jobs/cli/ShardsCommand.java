package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.shards.ShardsJob;
import io.moraine.jobs.shards.ShardsManifest;
import io.moraine.pipeline.shard.ShardFormat;
import io.moraine.pipeline.spark.Shards.Shard;
import java.io.PrintWriter;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.concurrent.Callable;
import org.apache.spark.sql.SparkSession;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine tokenizer shards}: a prepared dataset in another trainer's format. */
@Command(
    name = "shards",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Write a prepared dataset's tokens as Megatron, llm.c or modded-nanogpt reads them.",
    description = {
      "",
      "The documents of the training sequences (train) and the held-out ones (val), each whole and in the",
      "order in which they are packed, with their copies and moved middles; without padding.",
      "megatron: .bin and .idx, 16 or 32 bits a token, end-of-text behind each document.",
      "llmc, nanogpt: .bin, 16 bits a token, end-of-text before each document; llmc-u32: 32 bits.",
      ""
    },
    footer = {
      "",
      "Examples:",
      "  moraine tokenizer shards --format megatron --data data/ --output megatron/",
      "  moraine tokenizer shards --format llmc --data data/ --output llmc/ --shard-tokens 100000000",
      "  moraine tokenizer shards --master spark://host:7077 --format megatron --data hdfs:/data --output hdfs:/megatron"
    })
final class ShardsCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(
      names = "--format",
      required = true,
      paramLabel = "FORMAT",
      description = "megatron, llmc, llmc-u32 or nanogpt.")
  private String format;

  @Option(
      names = "--data",
      required = true,
      paramLabel = "DIR",
      description = "A prepared dataset; any Hadoop path.")
  private String data;

  @Option(
      names = "--output",
      required = true,
      paramLabel = "DIR",
      description =
          "The folder to write; an earlier export there is replaced when this one is whole.")
  private String output;

  @Option(
      names = "--shard-tokens",
      paramLabel = "N",
      description =
          "About how many tokens a shard has; default: 10,000,000,000 for megatron, else 100,000,000.")
  private Long shardTokens;

  @Override
  public Integer call() throws Exception {
    ShardFormat chosen = chosenFormat();
    OptionalLong tokens = shardTokens == null ? OptionalLong.empty() : OptionalLong.of(shardTokens);
    try (SparkSession spark = SparkOptions.session("tokenizer shards")) {
      ShardsManifest written =
          new ShardsJob(spark, Terminal.progress()).run(chosen, data, output, tokens);
      PrintWriter out = spec.commandLine().getOut();
      out.println(line("train", written.train()));
      out.println(line("val", written.val()));
      out.println("end-of-text: " + written.endOfText());
      out.println("shards: " + output);
      out.flush();
    }
    return ExitCode.DONE.code();
  }

  private ShardFormat chosenFormat() {
    return Arrays.stream(ShardFormat.values())
        .filter(known -> known.written().equals(format))
        .findFirst()
        .orElseThrow(
            () ->
                new ConfigException(
                    "--format must be one of %s, got %s."
                        .formatted(
                            String.join(
                                ", ",
                                Arrays.stream(ShardFormat.values())
                                    .map(ShardFormat::written)
                                    .toList()),
                            format)));
  }

  private static String line(String name, List<Shard> shards) {
    return String.format(
        Locale.ROOT,
        "%s: %,d documents, %,d tokens in %,d shards",
        name,
        shards.stream().mapToLong(Shard::documents).sum(),
        shards.stream().mapToLong(Shard::tokens).sum(),
        shards.size());
  }
}
