package io.moraine.jobs.train;

import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.CheckpointWeights;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.FileNotFoundException;
import java.io.IOException;
import org.apache.hadoop.conf.Configuration;

/**
 * The model of a run at its newest whole checkpoint, with its tokenizer.
 *
 * @param model with the weights that the ranks computed with
 * @param tokenizer of the dataset that it was trained on
 * @param step of the checkpoint
 * @param settings of the run
 */
public record TrainedModel(
    Transformer model, Tokenizer tokenizer, long step, TrainSettings settings)
    implements AutoCloseable {

  /**
   * Loads a run's model.
   *
   * @param threads of libtorch
   * @throws FileNotFoundException if the folder is no run or has no whole checkpoint yet
   */
  public static TrainedModel load(Configuration hadoop, RunFolder run, int threads)
      throws IOException {
    String json = run.read(hadoop, run.settings());
    TrainSettings settings = TrainSettings.recorded(json, run.settings().toString());
    Tokenizer tokenizer = TokenizerJson.read(run.read(hadoop, run.tokenizer()));
    Checkpoints checkpoints = new Checkpoints(new HadoopStorage(hadoop, run.root()));
    StringBuilder skipped = new StringBuilder();
    Checkpoint checkpoint =
        checkpoints
            .newestWhole(message -> skipped.append(' ').append(message))
            .orElseThrow(
                () ->
                    new FileNotFoundException(
                        "%s has no whole checkpoint yet.%s".formatted(run.root(), skipped)));
    Torch.start(threads);
    Transformer model = new Transformer(settings.model());
    CheckpointWeights.load(model, checkpoints, checkpoint, settings.train().wire().weights());
    return new TrainedModel(model, tokenizer, checkpoint.step(), settings);
  }

  @Override
  public void close() {
    model.close();
  }
}
