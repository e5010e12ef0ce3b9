package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import java.io.IOException;

/** What of a rank changes in training, so that checkpoints have it: all of the rank's file. */
record RankState(
    TrainableModel model,
    Buckets buckets,
    Ownership owned,
    Shard shard,
    WeightGather weights,
    StepGradients gradients) {

  /** A copy of what there is now. */
  Safetensors toSafetensors() {
    float[] bias = model.expertBalance().map(ExpertBalance::bias).orElse(new float[0]);
    return new ShardState(owned, shard).toSafetensors(bias, weights.stored(), gradients.carried());
  }

  /**
   * Puts in what is this rank's out of a checkpoint; the model's weights come by {@link
   * #giveWeights}.
   *
   * @return whether all that gradients owed was of these parameters
   */
  boolean restore(Checkpoints checkpoints, Checkpoint checkpoint, Communicator communicator)
      throws IOException {
    float[] bias = new ShardState(owned, shard).restore(checkpoints, checkpoint, modelLength());
    model.expertBalance().ifPresent(balance -> balance.setBias(bias));
    return ShardState.restoreCarried(
        checkpoints,
        checkpoint,
        gradients.carried(),
        communicator.rank(),
        communicator.worldSize());
  }

  /** Gives everybody the weights of a checkpoint that was restored; all ranks call it together. */
  void giveWeights(Checkpoints checkpoints, Checkpoint checkpoint) throws IOException {
    weights.start(new ShardState(owned, shard).known(checkpoints, checkpoint));
  }

  /** Elements of the model, padding included. */
  long modelLength() {
    return model.rankParameters().modelLength();
  }

  /** Whether ranks own even shards of the model. */
  boolean hasEvenShards() {
    return model.rankParameters().isWhole() && buckets.count() == 1;
  }
}
