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
      "  moraine generate --run run/ --prompt 'import java' --temperature 0 --max-tokens 50"
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
      names = "--seed",
      paramLabel = "N",
      defaultValue = "1",
      description = "The same seed gives the same text. Default: ${DEFAULT-VALUE}.")
  private long seed;

  @Override
  public Integer call() throws Exception {
    SamplingConfig sampling;
    try {
      sampling = new SamplingConfig(temperature, topK, seed);
    } catch (IllegalArgumentException e) {
      throw new ConfigException("--" + e.getMessage() + ".", e);
    }
    PrintWriter out = spec.commandLine().getOut();
    out.println(
        GenerateJob.generate(new Configuration(), RunFolder.at(run), prompt, maxTokens, sampling));
    out.flush();
    return ExitCode.DONE.code();
  }
}
