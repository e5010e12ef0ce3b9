package io.moraine.jobs.train;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.lease.TryLaterException;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.huggingface.ModelExport;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.IOException;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;

/** A run's newest checkpoint as a folder of Hugging Face's; needs no Spark. */
public final class ExportJob {

  private static final String CONFIG = "config.json";
  private static final String EVALUATION = "evaluation.json";
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
   * {@code evaluation.json}: how good an exported model is.
   *
   * @param heldOut what tells the dataset from others whose held-out sequences it was looked at on
   * @param step of the checkpoint
   * @param loss nats per token
   */
  public record Measured(String heldOut, long step, double loss) {

    /** Of an evaluation. */
    public static Measured of(Configuration hadoop, String data, EvaluateJob.Evaluation evaluation)
        throws IOException {
      String content = RunData.of(hadoop, List.of(data)).datasets().get(0).content();
      return new Measured(content, evaluation.step(), evaluation.all().loss());
    }

    /** Whether it is known to be no worse than another one: on the same sequences. NaN is worst. */
    public boolean isAsGoodAs(Measured other) {
      return heldOut.equals(other.heldOut) && Double.compare(loss, other.loss) <= 0;
    }
  }

  /**
   * Opens a folder for a model; an earlier one there is replaced when this one is whole.
   *
   * @throws TryLaterException if another process writes it
   */
  public static ModelFolder begin(HeldLeases leases, String output) throws IOException {
    return ModelFolder.begin(leases, "--output", output, CONFIG);
  }

  /** How good the model in a folder is, if that was recorded. */
  public static Optional<Measured> measured(Configuration hadoop, String output)
      throws IOException {
    Path file = new Path(output, EVALUATION);
    if (!file.getFileSystem(hadoop).exists(file)) {
      return Optional.empty();
    }
    try {
      return Optional.of(JSON.readValue(RunFolder.text(hadoop, file), Measured.class));
    } catch (JsonProcessingException e) {
      throw new CorruptDataException("%s is damaged: %s.".formatted(file, e.getOriginalMessage()));
    }
  }

  /**
   * Writes the folder, whole or not at all.
   *
   * @param folder of {@link #begin}
   * @param measured to record, if it is known
   * @param weights F32 or BF16
   * @param shardBytes largest file of weights
   * @param progress is told of newer checkpoints that are damaged
   * @throws io.moraine.model.huggingface.ModelFormatException if Hugging Face has no such model
   */
  public static Exported export(
      Configuration hadoop,
      RunFolder run,
      ModelFolder folder,
      TensorType weights,
      long shardBytes,
      Optional<Measured> measured,
      Progress progress)
      throws IOException {
    int threads = Runtime.getRuntime().availableProcessors();
    try (TrainedModel trained = TrainedModel.load(hadoop, run, threads, progress)) {
      if (measured.isPresent() && measured.get().step() != trained.step()) {
        throw new TryLaterException(
            "%s has a newer checkpoint, of step %d, than the one that was evaluated, of step %d. Start again."
                .formatted(run.root(), trained.step(), measured.get().step()));
      }
      Optional<Integer> endOfText = trained.tokenizer().endOfText();
      ModelExport.Settings settings =
          new ModelExport.Settings(
              weights, shardBytes, endOfText.map(OptionalInt::of).orElse(OptionalInt.empty()));
      String className = ModelExport.write(trained.model(), settings, folder.storage());
      folder.write("tokenizer.json", run.read(hadoop, run.tokenizer()));
      folder.write("tokenizer_config.json", tokenizerConfig(trained));
      if (measured.isPresent()) {
        folder.write(EVALUATION, JSON.writeValueAsString(measured.get()) + "\n");
      }
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
