package io.moraine.jobs.train;

import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.generate.SamplingConfig;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;

/**
 * What the model makes of the same prompts while it trains, the likeliest token each time: one
 * Parquet file per step, {@code samples/step-00000100.parquet}. On rank 0, for which the others
 * wait.
 */
final class TextSamples {

  private static final MessageType SCHEMA =
      MessageTypeParser.parseMessageType(
          """
          message sample {
            required int64 step;
            required binary prompt (STRING);
            required binary text (STRING);
          }
          """);

  private final LeasedWriter writer;
  private final RunFolder folder;
  private final TrainSettings.Samples config;
  private final Transformer model;
  private final Tokenizer tokenizer;

  /**
   * Writes nothing yet.
   *
   * @param model with all experts
   */
  TextSamples(
      RunFolder folder, LeasedWriter writer, TrainSettings.Samples config, Transformer model)
      throws IOException {
    this.writer = writer;
    this.folder = folder;
    this.config = config;
    this.model = model;
    this.tokenizer = TokenizerJson.read(folder.read(writer.hadoop(), folder.tokenizer()));
  }

  /**
   * A text after a step.
   *
   * @param text the prompt and what follows it
   */
  record Sample(long step, String prompt, String text) {

    /** One line for people. */
    String line() {
      String escaped = text.replace("\\", "\\\\").replace("\n", "\\n").replace("\r", "\\r");
      return String.format(Locale.ROOT, "sample of step %,d: %s", step, escaped);
    }

    private Group group() {
      return new SimpleGroup(SCHEMA)
          .append("step", step)
          .append("prompt", prompt)
          .append("text", text);
    }
  }

  /** Whether a step, of so many in all, is one of those. */
  boolean areDue(long step, long steps) {
    return step % config.every() == 0 || step == steps;
  }

  /**
   * Writes one text for each prompt.
   *
   * @cost a pass of the model for each token
   */
  List<Sample> write(long step) throws IOException {
    List<Sample> samples =
        config.prompts().stream().map(prompt -> new Sample(step, prompt, text(prompt))).toList();
    Path file = new Path(folder.samples(), "step-%08d.parquet".formatted(step));
    RunTable.write(writer, file, SCHEMA, samples.stream().map(Sample::group).toList());
    return samples;
  }

  private String text(String prompt) {
    return GenerateJob.continued(
            model, tokenizer, prompt, config.tokens(), SamplingConfig.greedy(), 0)
        .text();
  }
}
