package io.moraine.jobs.train;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.NamedTensor;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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
    TrainSettings settings =
        TrainSettings.of(SettingsFile.recorded(json, run.settings().toString()));
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
    restore(model, checkpoints, checkpoint, settings.train().wire().weights());
    return new TrainedModel(model, tokenizer, checkpoint.step(), settings);
  }

  @Override
  public void close() {
    model.close();
  }

  /** Puts all shards in place, as the all-gather does. */
  private static void restore(
      Transformer model, Checkpoints checkpoints, Checkpoint checkpoint, GradientCodec codec)
      throws IOException {
    int ranks = checkpoint.state().worldSize();
    ShardLayout layout = new ShardLayout(checkpoint.state().length(), ranks, FlatBuffer.ALIGNMENT);
    for (int rank = 0; rank < ranks; rank++) {
      Safetensors file = checkpoints.read(checkpoint, Checkpoints.shardFile(rank, ranks));
      float[] shard = file.tensor("master").map(NamedTensor::floats).orElseThrow();
      ByteBuffer wire =
          ByteBuffer.allocate(codec.encodedBytes(shard.length)).order(ByteOrder.LITTLE_ENDIAN);
      codec.encode(shard, 0, shard.length, wire);
      codec.decode(wire.flip(), shard, 0, shard.length);
      model.parameters().put(layout.from(rank), shard, 0, shard.length);
      float[] bias = file.tensor("selection_bias").map(NamedTensor::floats).orElseThrow();
      model.expertBalance().ifPresent((ExpertBalance balance) -> balance.setBias(bias));
    }
  }
}
