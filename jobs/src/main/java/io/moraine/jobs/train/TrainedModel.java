package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.NoCudaException;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.CheckpointWeights;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.stream.Collectors;
import org.apache.hadoop.conf.Configuration;

/**
 * The model of a run at a checkpoint, with its tokenizer.
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
   * Loads a run's model at its newest whole checkpoint.
   *
   * @param threads of libtorch
   * @param progress is told of newer checkpoints that are damaged
   * @throws FileNotFoundException if the folder is no run or has no whole checkpoint yet
   */
  public static TrainedModel load(
      Configuration hadoop, RunFolder run, int threads, Progress progress) throws IOException {
    return load(hadoop, run, OptionalLong.empty(), threads, progress);
  }

  /**
   * Loads a run's model.
   *
   * @param step of the checkpoint; empty for the newest whole one
   * @param threads of libtorch
   * @param progress is told of newer checkpoints that are damaged
   * @throws FileNotFoundException if the folder is no run or has no such checkpoint
   * @throws ConfigException if libtorch has no such model
   */
  public static TrainedModel load(
      Configuration hadoop, RunFolder run, OptionalLong step, int threads, Progress progress)
      throws IOException {
    TrainSettings settings = run.recordedSettings(hadoop);
    requireLibtorchs(run, settings);
    Tokenizer tokenizer = TokenizerJson.read(run.read(hadoop, run.tokenizer()));
    Checkpoints checkpoints = new Checkpoints(new HadoopStorage(hadoop, run.root()));
    Checkpoint checkpoint =
        step.isPresent()
            ? checkpoint(run, checkpoints, step.getAsLong())
            : newest(run, checkpoints, progress);
    Transformer model = new Transformer(settings.model(), device(settings, threads));
    CheckpointWeights.load(model, checkpoints, checkpoint, settings.train().wire().weights());
    return new TrainedModel(model, tokenizer, checkpoint.step(), settings);
  }

  private static void requireLibtorchs(RunFolder run, TrainSettings settings) {
    if (settings.configuredModel().isEmpty()) {
      throw new ConfigException(
          "%s trains a model of BigDL's (%s), which libtorch does not have. Its losses are in its metrics, and moraine export --format bigdl writes the model for BigDL."
              .formatted(run.root(), settings.engine().bigDl().asSettings()));
    }
  }

  /** A GPU if one may be used and is there, whatever the run was trained on. */
  private static Device device(TrainSettings settings, int threads) {
    boolean isCpu = settings.engine().device() == DeviceChoice.CPU;
    Device device = Torch.start(threads, isCpu ? DeviceChoice.CPU : DeviceChoice.AUTO, 0);
    try {
      settings.model().precision().requireOn(device);
    } catch (NoCudaException e) {
      throw new ConfigException(e.getMessage() + " (CUDA_VISIBLE_DEVICES= hides GPUs).", e);
    }
    return device;
  }

  /** The newest whole one; each that is passed over for it is said in a line. */
  static Checkpoint newest(RunFolder run, Checkpoints checkpoints, Progress progress)
      throws IOException {
    return checkpoints
        .newestWhole(progress::say)
        .orElseThrow(
            () ->
                new FileNotFoundException("%s has no whole checkpoint yet.".formatted(run.root())));
  }

  private static Checkpoint checkpoint(RunFolder run, Checkpoints checkpoints, long step)
      throws IOException {
    Optional<Checkpoint> found = checkpoints.of(step);
    if (found.isPresent()) {
      return found.get();
    }
    String kept =
        checkpoints.finished().stream().map(String::valueOf).collect(Collectors.joining(", "));
    throw new FileNotFoundException(
        "%s has no checkpoint of step %d. Those that it has are of steps %s; without --step the newest is taken."
            .formatted(run.root(), step, kept.isEmpty() ? "-" : kept));
  }

  @Override
  public void close() {
    model.close();
  }
}
