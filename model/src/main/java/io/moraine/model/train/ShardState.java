package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.checkpoint.NamedTensor;
import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.reduction.CarriedState;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What of a rank's shard is stored, as one file per rank, which says of what elements it is; read
 * whole, file by file, by any number of ranks, each of which keeps its own elements.
 */
final class ShardState {

  static final String BIAS = "selection_bias";
  static final String KNOWN = "known";

  private final Ownership owned;
  private final Shard shard;

  ShardState(Ownership owned, Shard shard) {
    this.owned = owned;
    this.shard = shard;
  }

  /**
   * The rank's file, whose arrays are nobody else's.
   *
   * @param bias selection biases, the same on all ranks and in each file
   * @param known what everybody has of the shard, if weights are sent as differences; else empty
   * @param further state of the rank
   */
  Safetensors toSafetensors(float[] bias, float[] known, List<CarriedState> further) {
    List<NamedTensor> tensors = new ArrayList<>();
    for (Shard.Part part : Shard.Part.values()) {
      tensors.add(NamedTensor.of(part.tensor(), shard.copy(part)));
    }
    tensors.add(NamedTensor.of(BIAS, bias.clone()));
    if (known.length > 0) {
      tensors.add(NamedTensor.of(KNOWN, known));
    }
    for (CarriedState tensor : further) {
      tensors.add(NamedTensor.of(tensor.name(), tensor.copy()));
    }
    return new Safetensors(Map.of("ranges", owned.modelRanges().written()), tensors);
  }

  /**
   * Takes what this rank owns out of a checkpoint's files.
   *
   * @param length of the model, elements
   * @return the selection biases
   */
  float[] restore(Checkpoints checkpoints, Checkpoint checkpoint, long length) throws IOException {
    if (checkpoint.state().length() != length) {
      throw new CorruptDataException(
          "checkpoint of step %d has %d parameters, the model %d: the settings of the model have changed. Use another --run."
              .formatted(checkpoint.step(), checkpoint.state().length(), length));
    }
    float[] bias = new float[0];
    for (int writer = 0; writer < checkpoint.state().worldSize(); writer++) {
      Ranges written = Ownership.written(checkpoint.state(), writer);
      boolean isNeeded = written.meet(owned.modelRanges());
      if (isNeeded || writer == 0) {
        String name = Checkpoints.shardFile(writer, checkpoint.state().worldSize());
        Safetensors file = checkpoints.read(checkpoint, name);
        bias = floats(file, BIAS, name);
        if (isNeeded) {
          for (Shard.Part part : Shard.Part.values()) {
            shard.put(part, written, floats(file, part.tensor(), name));
          }
        }
      }
    }
    return bias;
  }

  /**
   * What everybody had of what this rank owns when a checkpoint was made; empty if its weights were
   * not sent as differences.
   */
  Optional<float[]> known(Checkpoints checkpoints, Checkpoint checkpoint) throws IOException {
    float[] known = new float[owned.size()];
    for (int writer = 0; writer < checkpoint.state().worldSize(); writer++) {
      Ranges written = Ownership.written(checkpoint.state(), writer);
      if (written.meet(owned.modelRanges())) {
        Optional<NamedTensor> part = shard(checkpoints, checkpoint, writer).tensor(KNOWN);
        if (part.isEmpty()) {
          return Optional.empty();
        }
        written.copy(part.get().floats(), known, owned.modelRanges());
      }
    }
    return Optional.of(known);
  }

  /**
   * Fills what a reduction carries from step to step. Of what ranks owed, one of as many ranks gets
   * its own, one of fewer that of several, one of more that of one or nothing, so that nothing is
   * lost. What another kind of reduction has stored, or one of other parameters, is left out.
   *
   * @return whether all that is stored under these names was of these parameters
   */
  static boolean restoreCarried(
      Checkpoints checkpoints,
      Checkpoint checkpoint,
      List<CarriedState> further,
      int rank,
      int worldSize)
      throws IOException {
    boolean isComplete = true;
    for (CarriedState tensor : further) {
      boolean isSame = tensor.sharing() == CarriedState.Sharing.SAME;
      int writers = isSame ? 1 : checkpoint.state().worldSize();
      for (int writer = isSame ? 0 : rank; writer < writers; writer += worldSize) {
        Optional<float[]> stored =
            shard(checkpoints, checkpoint, writer).tensor(tensor.name()).map(NamedTensor::floats);
        boolean fits = stored.isPresent() && stored.get().length == tensor.length();
        isComplete &= stored.isEmpty() || fits;
        if (fits && isSame) {
          tensor.put(stored.get());
        } else if (fits) {
          tensor.put(sum(stored.get(), tensor.values()));
        }
      }
    }
    return isComplete;
  }

  private static Safetensors shard(Checkpoints checkpoints, Checkpoint checkpoint, int writer)
      throws IOException {
    return checkpoints.read(
        checkpoint, Checkpoints.shardFile(writer, checkpoint.state().worldSize()));
  }

  private static float[] sum(float[] stored, float[] there) {
    float[] sum = new float[stored.length];
    for (int i = 0; i < sum.length; i++) {
      sum[i] = there[i] + stored[i];
    }
    return sum;
  }

  static float[] floats(Safetensors file, String tensor, String name) throws CorruptDataException {
    return file.tensor(tensor)
        .orElseThrow(() -> new CorruptDataException("%s has no tensor %s.".formatted(name, tensor)))
        .floats();
  }
}
