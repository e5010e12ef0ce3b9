package io.moraine.jobs.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code moraine tokenizer}: what is done with tokenizers and tokens. */
@Command(
    name = "tokenizer",
    mixinStandardHelpOptions = true,
    header = "Train a tokenizer, encode a corpus with one, export token shards for other trainers.",
    subcommands = {TokenizerTrainCommand.class, TokenizerEncodeCommand.class, ShardsCommand.class})
final class TokenizerCommand implements Runnable {

  @Spec private CommandSpec spec;

  /** Without a subcommand: the help. */
  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }
}
