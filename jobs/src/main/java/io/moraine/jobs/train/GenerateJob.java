package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.generate.Generation;
import io.moraine.model.generate.Generator;
import io.moraine.model.generate.SamplingConfig;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Locale;
import java.util.stream.IntStream;
import org.apache.hadoop.conf.Configuration;

/** Text from a run's newest checkpoint; needs no Spark. */
public final class GenerateJob {

  private GenerateJob() {}

  /**
   * A text and what it took.
   *
   * @param text the prompt and what the model made of it
   * @param generation tokens and passes
   * @param model that wrote it
   */
  public record Generated(String text, Generation generation, ModelConfig model) {

    /** One line for people. */
    public String summary() {
      String drafts =
          generation.drafted() == 0
              ? ""
              : String.format(
                  Locale.ROOT,
                  "; %,d of %,d drafted tokens accepted (%.0f %%)",
                  generation.accepted(),
                  generation.drafted(),
                  100 * generation.acceptance());
      return String.format(
          Locale.ROOT,
          "%,d tokens in %,d passes%s; cache %,d bytes per token, full multi-head attention %,d",
          generation.tokens(),
          generation.passes(),
          drafts,
          model.cacheBytesPerToken(),
          model.fullCacheBytesPerToken());
    }
  }

  /**
   * Continues a prompt; ends at the model's end-of-text.
   *
   * @param drafting whether the modules of multi-token prediction draft
   * @param progress is told of newer checkpoints that are damaged
   * @throws ConfigException if the prompt is empty, no token is asked for, or there are no modules
   */
  public static Generated generate(
      Configuration hadoop,
      RunFolder run,
      String prompt,
      int maxTokens,
      SamplingConfig sampling,
      boolean drafting,
      Progress progress)
      throws IOException {
    if (prompt.isEmpty() || maxTokens < 1) {
      throw new ConfigException(
          "--prompt must not be empty and --max-tokens must be at least 1, got \"%s\" and %d."
              .formatted(prompt, maxTokens));
    }
    int threads = Runtime.getRuntime().availableProcessors();
    try (TrainedModel trained = TrainedModel.load(hadoop, run, threads, progress)) {
      ModelConfig model = trained.model().config();
      if (drafting && model.prediction().depth() == 0) {
        throw new ConfigException(
            "--draft needs a model with multi-token prediction, %s was trained with model.prediction.depth = 0."
                .formatted(run.root()));
      }
      int draftDepth = drafting ? model.prediction().depth() : 0;
      return continued(
          trained.model(), trained.tokenizer(), prompt, maxTokens, sampling, draftDepth);
    }
  }

  /** The same of a model that is loaded. */
  static Generated continued(
      Transformer model,
      Tokenizer tokenizer,
      String prompt,
      int maxTokens,
      SamplingConfig sampling,
      int draftDepth) {
    int endOfText = tokenizer.endOfText().orElse(-1);
    int[] ids = tokenizer.encode(prompt);
    IntStream.Builder text = IntStream.builder();
    Arrays.stream(ids).forEach(text::add);
    Generation generation =
        new Generator(model, sampling, ids(tokenizer), draftDepth)
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
    return new Generated(tokenizer.decode(text.build().toArray()), generation, model.config());
  }

  /** A model may have more ids than its tokenizer has tokens: those have no text. */
  private static BitSet ids(Tokenizer tokenizer) {
    return IntStream.range(0, tokenizer.vocabularySize())
        .filter(tokenizer::hasToken)
        .collect(BitSet::new, BitSet::set, BitSet::or);
  }
}
