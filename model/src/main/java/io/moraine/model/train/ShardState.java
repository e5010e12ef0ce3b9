package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.checkpoint.NamedTensor;
import io.moraine.model.checkpoint.Safetensors;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.optim.AdamW;
import io.moraine.model.reduction.StateTensor;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/**
 * What a rank owns: its shard of the float32 master weights with AdamW's moments. Stored as one
 * file per rank; read by element range, so by any number of ranks.
 */
final class ShardState {

  static final String MASTER = "master";
  private static final String MOMENT1 = "moment1";
  private static final String MOMENT2 = "moment2";
  static final String BIAS = "selection_bias";
  static final String KNOWN = "known";

  private final ShardLayout layout;
  private final int rank;
  private final float[] master;
  private final AdamW adam;

  ShardState(FlatBuffer parameters, ShardLayout layout, int rank, AdamW.Config config) {
    this.layout = layout;
    this.rank = rank;
    this.master = new float[layout.size(rank)];
    parameters.get(layout.from(rank), master, 0, master.length);
    this.adam = new AdamW(config, decays(parameters.slices(), layout, rank));
  }

  float[] master() {
    return master;
  }

  AdamW adam() {
    return adam;
  }

  /**
   * The rank's file.
   *
   * @param bias selection biases, the same on all ranks and in each file
   * @param known what everybody has of the shard, if weights are sent as differences; else empty
   * @param further state of the rank
   */
  Safetensors toFile(float[] bias, float[] known, List<StateTensor> further) {
    List<NamedTensor> tensors = new ArrayList<>();
    tensors.add(NamedTensor.of(MASTER, master));
    tensors.add(NamedTensor.of(MOMENT1, adam.moment1()));
    tensors.add(NamedTensor.of(MOMENT2, adam.moment2()));
    tensors.add(NamedTensor.of(BIAS, bias));
    if (known.length > 0) {
      tensors.add(NamedTensor.of(KNOWN, known));
    }
    for (StateTensor tensor : further) {
      tensors.add(NamedTensor.of(tensor.name(), tensor.values()));
    }
    return new Safetensors(
        Map.of(
            "from", String.valueOf(layout.from(rank)),
            "to", String.valueOf(layout.to(rank))),
        tensors);
  }

  /**
   * Takes this rank's range out of a checkpoint's files.
   *
   * @return the selection biases
   */
  float[] restore(Checkpoints checkpoints, Checkpoint checkpoint) throws IOException {
    if (checkpoint.state().length() != layout.length()) {
      throw new CorruptDataException(
          "checkpoint of step %d has %d parameters, the model %d: the settings of the model have changed. Use another --run."
              .formatted(checkpoint.step(), checkpoint.state().length(), layout.length()));
    }
    float[] bias = new float[0];
    ShardLayout written = written(checkpoint);
    for (int writer = 0; writer < written.worldSize(); writer++) {
      long from = Math.max(layout.from(rank), written.from(writer));
      long to = Math.min(layout.to(rank), written.to(writer));
      if (from < to || writer == 0) {
        String name = Checkpoints.shardFile(writer, written.worldSize());
        Safetensors file = checkpoints.read(checkpoint, name);
        bias = floats(file, BIAS, name);
        if (from < to) {
          copy(floats(file, MASTER, name), written.from(writer), master, from, to);
          copy(floats(file, MOMENT1, name), written.from(writer), adam.moment1(), from, to);
          copy(floats(file, MOMENT2, name), written.from(writer), adam.moment2(), from, to);
        }
      }
    }
    return bias;
  }

  /**
   * What everybody had of this rank's range when a checkpoint was made; empty if its weights were
   * not sent as differences.
   */
  Optional<float[]> known(Checkpoints checkpoints, Checkpoint checkpoint) throws IOException {
    float[] known = new float[master.length];
    ShardLayout written = written(checkpoint);
    for (int writer = 0; writer < written.worldSize(); writer++) {
      long from = Math.max(layout.from(rank), written.from(writer));
      long to = Math.min(layout.to(rank), written.to(writer));
      if (from < to) {
        Optional<NamedTensor> part = shard(checkpoints, checkpoint, writer).tensor(KNOWN);
        if (part.isEmpty()) {
          return Optional.empty();
        }
        copy(part.get().floats(), written.from(writer), known, from, to);
      }
    }
    return Optional.of(known);
  }

  /**
   * Fills what a reduction carries from step to step. Of what ranks owed, one of as many ranks gets
   * its own, one of fewer that of several, one of more that of one or nothing, so that nothing is
   * lost. What another kind of reduction has stored is left out.
   */
  void restore(Checkpoints checkpoints, Checkpoint checkpoint, List<StateTensor> further)
      throws IOException {
    for (StateTensor tensor : further) {
      if (tensor.sharing() == StateTensor.Sharing.SAME) {
        Optional<float[]> stored = stored(checkpoints, checkpoint, 0, tensor);
        stored.ifPresent(values -> System.arraycopy(values, 0, tensor.values(), 0, values.length));
      } else {
        int step = layout.worldSize();
        for (int writer = rank; writer < checkpoint.state().worldSize(); writer += step) {
          stored(checkpoints, checkpoint, writer, tensor)
              .ifPresent(values -> add(values, tensor.values()));
        }
      }
    }
  }

  private static Optional<float[]> stored(
      Checkpoints checkpoints, Checkpoint checkpoint, int writer, StateTensor tensor)
      throws IOException {
    return shard(checkpoints, checkpoint, writer)
        .tensor(tensor.name())
        .map(NamedTensor::floats)
        .filter(values -> values.length == tensor.values().length);
  }

  private static Safetensors shard(Checkpoints checkpoints, Checkpoint checkpoint, int writer)
      throws IOException {
    return checkpoints.read(
        checkpoint, Checkpoints.shardFile(writer, checkpoint.state().worldSize()));
  }

  private ShardLayout written(Checkpoint checkpoint) {
    return new ShardLayout(
        checkpoint.state().length(), checkpoint.state().worldSize(), layout.alignment());
  }

  private static void add(float[] src, float[] dst) {
    for (int i = 0; i < src.length; i++) {
      dst[i] += src[i];
    }
  }

  private void copy(float[] src, long srcStart, float[] dst, long from, long to) {
    System.arraycopy(
        src,
        Math.toIntExact(from - srcStart),
        dst,
        Math.toIntExact(from - layout.from(rank)),
        Math.toIntExact(to - from));
  }

  static float[] floats(Safetensors file, String tensor, String name) throws CorruptDataException {
    return file.tensor(tensor)
        .orElseThrow(() -> new CorruptDataException("%s has no tensor %s.".formatted(name, tensor)))
        .floats();
  }

  /** Weight decay applies to matrices, not to norms. */
  private static boolean[] decays(List<Slice> slices, ShardLayout layout, int rank) {
    boolean[] decays = new boolean[layout.size(rank)];
    for (Slice slice : slices) {
      long from = Math.max(slice.offsetElements(), layout.from(rank));
      long to = Math.min(slice.offsetElements() + slice.length(), layout.to(rank));
      if (from < to && slice.shape().size() > 1) {
        Arrays.fill(
            decays,
            Math.toIntExact(from - layout.from(rank)),
            Math.toIntExact(to - layout.from(rank)),
            true);
      }
    }
    return decays;
  }
}
