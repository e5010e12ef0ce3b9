package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.checkpoint.NamedTensor;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.codec.GradientCodec;
import java.io.IOException;

/** The weights of a checkpoint, for use without training. */
public final class CheckpointWeights {

  private CheckpointWeights() {}

  /**
   * Puts all shards in place, as the all-gather of a step does: the weights that the ranks computed
   * with.
   *
   * @param form of the run's weights on the wire
   * @throws io.moraine.model.checkpoint.CorruptDataException if a file of the checkpoint is damaged
   */
  public static void load(
      TrainableModel model,
      Checkpoints checkpoints,
      Checkpoint checkpoint,
      TrainConfig.Weights form)
      throws IOException {
    int ranks = checkpoint.state().worldSize();
    for (int rank = 0; rank < ranks; rank++) {
      String name = Checkpoints.shardFile(rank, ranks);
      Safetensors file = checkpoints.read(checkpoint, name);
      float[] shard = weights(file, name, form);
      Ownership.write(model.parameters(), Ownership.written(checkpoint.state(), rank), shard);
      float[] bias = ShardState.floats(file, ShardState.BIAS, name);
      model.expertBalance().ifPresent(balance -> balance.setBias(bias));
    }
  }

  /** Differences begin with the master weights themselves, before the first step. */
  private static float[] weights(Safetensors file, String name, TrainConfig.Weights form)
      throws CorruptDataException {
    float[] master = ShardState.floats(file, Shard.Part.MASTER.tensor(), name);
    if (form.areDifferences()) {
      return file.tensor(ShardState.KNOWN).map(NamedTensor::floats).orElse(master);
    }
    GradientCodec codec = form.codec();
    byte[] wire = new byte[codec.encodedBytes(master.length)];
    int written = codec.encode(master, 0, wire, 0, master.length);
    codec.decode(wire, 0, written, master, 0, master.length);
    return master;
  }
}
