package io.moraine.jobs.cli;

import java.util.List;
import java.util.Map;
import picocli.CommandLine.Option;

/** What a rank file given by {@code --tokenizer} does not say itself. */
final class RankFileOptions {

  @Option(
      names = "--tokenizer-pattern",
      paramLabel = "NAME",
      description =
          "For a rank file: gpt2, cl100k, o200k, qwen2 or deepseek-v3; default: tokenizer.rank-file.pattern.")
  private String pattern;

  @Option(
      names = "--tokenizer-special-tokens",
      split = ",",
      paramLabel = "NAME=ID",
      description =
          "For a rank file, several separated by commas; default: tokenizer.rank-file.special-tokens.")
  private List<String> specialTokens;

  /** Adds what was given, by key path. */
  void addTo(Map<String, Object> options) {
    options.put("tokenizer.rank-file.pattern", pattern);
    options.put("tokenizer.rank-file.special-tokens", specialTokens);
  }
}
