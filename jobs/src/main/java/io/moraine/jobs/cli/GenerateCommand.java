package io.moraine.jobs.cli;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.train.GenerateJob;
import io.moraine.jobs.train.RunFolder;
import io.moraine.model.generate.SamplingConfig;
import java.io.PrintWriter;
import java.util.concurrent.Callable;
import org.apache.hadoop.conf.Configuration;
import picocli.CommandLine.Command;
import picocli.CommandLine.Model.CommandSpec;
import picocli.CommandLine.Option;
import picocli.CommandLine.Spec;

/** {@code moraine generate}: text from a prompt. */
@Command(
    name = "generate",
    mixinStandardHelpOptions = true,
    sortOptions = false,
    header = "Continue a prompt with a run's newest checkpoint.",
    footer = {
      "",
      "Examples:",
      "  moraine generate --run run/ --prompt 'public static int '",
      "  moraine generate --run run/ --prompt 'import java' --temperature 0 --max-tokens 50",
      "  moraine generate --run run/ --prompt 'import java' --top-k 0 --top-p 0.9 --seed 7",
      "  moraine generate --run run/ --prompt 'import java' --repetition-penalty 1.1 --draft"
    })
final class GenerateCommand implements Callable<Integer> {

  @Spec private CommandSpec spec;

  @Option(names = "--run", required = true, paramLabel = "DIR", description = "A training run.")
  private String run;

  @Option(
      names = "--prompt",
      required = true,
      paramLabel = "TEXT",
      description = "What the text begins with.")
  private String prompt;

  @Option(
      names = "--max-tokens",
      paramLabel = "N",
      defaultValue = "100",
      description = "Most tokens to generate. Default: ${DEFAULT-VALUE}.")
  private int maxTokens;

  @Option(
      names = "--temperature",
      paramLabel = "T",
      defaultValue = "0.8",
      description = "0: always the likeliest token. Default: ${DEFAULT-VALUE}.")
  private double temperature;

  @Option(
      names = "--top-k",
      paramLabel = "K",
      defaultValue = "40",
      description = "Draw from the K likeliest tokens; 0: from all. Default: ${DEFAULT-VALUE}.")
  private int topK;

  @Option(
      names = "--top-p",
      paramLabel = "P",
      defaultValue = "1",
      description =
          "Draw from the likeliest tokens that together have probability P; 1: from all. Default: ${DEFAULT-VALUE}.")
  private double topP;

  @Option(
      names = "--repetition-penalty",
      paramLabel = "R",
      defaultValue = "1",
      description =
          "Above 1: tokens that occur in the text become less likely. Default: ${DEFAULT-VALUE}.")
  private double repetitionPenalty;

  @Option(
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "The same seed gives the same text. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Option(
      names = "--draft",
      description =
          "Let multi-token prediction propose tokens, which the model checks: fewer passes.")
  private boolean draft;

  @Override
  public Integer call() throws Exception {
    SamplingConfig sampling;
    try {
      sampling = new SamplingConfig(temperature, topK, topP, repetitionPenalty, seed);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--" + e.getMessage() + ".", e);
    }
    GenerateJob.Generated generated =
        GenerateJob.generate(
            new Configuration(),
            RunFolder.at(run),
            prompt,
            maxTokens,
            sampling,
            draft,
            Terminal.progress());
    PrintWriter out = spec.commandLine().getOut();
    out.println(generated.text());
    out.flush();
    PrintWriter err = spec.commandLine().getErr();
    err.println(generated.summary());
    err.flush();
    return ExitCode.DONE.code();
  }
}
