package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.collective.Buckets;
import io.moraine.model.optim.AdamW;
import io.moraine.model.tensor.FlatBuffer;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/**
 * The checkpoint of step 0 of a model whose weights come from elsewhere: what is there is the
 * master weights, and AdamW's moments are zero. Any number of ranks goes on from it.
 */
public final class InitialCheckpoint {

  /** Elements of one of its files, so that a large model needs little memory beside itself. */
  private static final int SHARD_ELEMENTS = 1 << 24;

  private InitialCheckpoint() {}

  /** Writes the checkpoint. */
  public static void write(
      Checkpoints checkpoints, TrainableModel model, AdamW.Config adam, String settingsDigest)
      throws IOException {
    long length = model.parameters().length();
    int files = Math.toIntExact((length + SHARD_ELEMENTS - 1) / SHARD_ELEMENTS);
    Buckets whole = Buckets.of(length, files, FlatBuffer.ALIGNMENT, length);
    float[] bias = model.expertBalance().map(ExpertBalance::bias).orElse(new float[0]);
    Map<String, String> digests = new TreeMap<>();
    for (int file = 0; file < files; file++) {
      Ownership owned = Ownership.of(model.rankParameters(), model.parameters(), whole, file);
      ShardState shard = new ShardState(owned, new HostShard(model.parameters(), owned, adam));
      digests.put(
          Checkpoints.shardFile(file, files),
          checkpoints.writeShard(
              0, file, files, shard.toSafetensors(bias, new float[0], List.of())));
    }
    checkpoints.writeManifest(
        0,
        new Checkpoint.State(
            length,
            files,
            0,
            settingsDigest,
            List.of(),
            List.of(),
            Checkpoint.History.EMPTY,
            null,
            0),
        digests);
  }
}
