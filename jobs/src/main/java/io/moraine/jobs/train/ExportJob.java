package io.moraine.jobs.train;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.huggingface.ModelExport;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A run's newest checkpoint as a folder of Hugging Face's; needs no Spark. */
public final class ExportJob {

  private static final String CONFIG = "config.json";
  private static final JsonMapper JSON = new JsonMapper();

  private ExportJob() {}

  /**
   * What was exported.
   *
   * @param step of the checkpoint
   * @param className of Hugging Face's class
   * @param parameters all weights
   */
  public record Exported(long step, String className, long parameters) {}

  /**
   * Writes the folder, whole or not at all.
   *
   * @param weights F32 or BF16
   * @param shardBytes largest file of weights
   * @throws io.moraine.model.huggingface.ModelFormatException if Hugging Face has no such model
   */
  public static Exported export(
      Configuration hadoop, RunFolder run, String output, TensorType weights, long shardBytes)
      throws IOException {
    ModelFolder folder = ModelFolder.begin(hadoop, "--output", new Path(output), CONFIG);
    int threads = Runtime.getRuntime().availableProcessors();
    try (TrainedModel trained = TrainedModel.load(hadoop, run, threads)) {
      Optional<Integer> endOfText = trained.tokenizer().endOfText();
      ModelExport.Settings settings =
          new ModelExport.Settings(
              weights, shardBytes, endOfText.map(OptionalInt::of).orElse(OptionalInt.empty()));
      String className = ModelExport.write(trained.model(), settings, folder.storage());
      folder.write("tokenizer.json", run.read(hadoop, run.tokenizer()));
      folder.write("tokenizer_config.json", tokenizerConfig(trained));
      folder.publish();
      return new Exported(trained.step(), className, trained.model().config().parameters());
    } finally {
      folder.discard();
    }
  }

  private static String tokenizerConfig(TrainedModel trained) {
    Tokenizer tokenizer = trained.tokenizer();
    ObjectNode json = JSON.createObjectNode();
    json.put("tokenizer_class", "PreTrainedTokenizerFast");
    json.put("model_max_length", trained.model().config().maxSequenceLength());
    json.put("clean_up_tokenization_spaces", false);
    for (String key : new String[] {"bos_token", "eos_token"}) {
      json.put(key, tokenizer.endOfText().map(id -> tokenizer.decode(new int[] {id})).orElse(null));
    }
    return json.toPrettyString() + "\n";
  }
}
