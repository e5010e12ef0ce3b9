package io.moraine.jobs.cli;

import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Spec;

/** {@code moraine tokenizer}: everything about tokens that is not a prepared dataset. */
@Command(
    name = "tokenizer",
    mixinStandardHelpOptions = true,
    header = "Train a tokenizer, or encode a corpus with one.",
    subcommands = {TokenizerTrainCommand.class, TokenizerEncodeCommand.class})
final class TokenizerCommand implements Runnable {

  @Spec private CommandSpec spec;

  @Override
  public void run() {
    spec.commandLine().usage(spec.commandLine().getOut());
  }
}
