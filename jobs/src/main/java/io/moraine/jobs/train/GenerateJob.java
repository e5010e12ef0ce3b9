package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.model.generate.Generator;
import io.moraine.model.generate.SamplingConfig;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Arrays;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;

/** Text from a run's newest checkpoint; needs no Spark. */
public final class GenerateJob {

  private GenerateJob() {}

  /** The prompt and what the model makes of it; ends at the model's end-of-text. */
  public static String generate(
      Configuration hadoop, RunFolder run, String prompt, int maxTokens, SamplingConfig sampling)
      throws IOException {
    if (prompt.isEmpty() || maxTokens < 1) {
      throw new ConfigException(
          "--prompt must not be empty and --max-tokens must be at least 1, got \"%s\" and %d."
              .formatted(prompt, maxTokens));
    }
    int threads = Runtime.getRuntime().availableProcessors();
    try (TrainedModel trained = TrainedModel.load(hadoop, run, threads)) {
      Tokenizer tokenizer = trained.tokenizer();
      int endOfText = tokenizer.endOfText().orElse(-1);
      int[] ids = tokenizer.encode(prompt);
      IntStream.Builder text = IntStream.builder();
      Arrays.stream(ids).forEach(text::add);
      new Generator(trained.model(), sampling)
          .generate(
              ids,
              maxTokens,
              token -> {
                if (token == endOfText) {
                  return false;
                }
                text.add(token);
                return true;
              });
      return tokenizer.decode(text.build().toArray());
    }
  }
}
