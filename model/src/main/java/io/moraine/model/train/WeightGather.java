package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.FloatWriter;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Arrays;
import java.util.Optional;

/**
 * Gives every rank the new weights: what the codec makes of the owners' master weights, or of what
 * these are ahead of the weights that everybody has, which everybody then adds. What a difference
 * leaves out is in the next one by itself.
 *
 * @source differences: Jia et al., SDP4Bit, 2024, arXiv:2410.15526; with signs both ways: Tang et
 *     al., DoubleSqueeze, 2019, arXiv:1905.05957, algorithm 1, the owners being its servers
 */
final class WeightGather {

  private static final int CHUNK = 1 << 16;

  private final TrainConfig.Weights form;
  private final Communicator communicator;
  private final Buckets buckets;
  private final FlatBuffer parameters;
  private final Ownership owned;

  WeightGather(
      TrainConfig.Weights form,
      Communicator communicator,
      Buckets buckets,
      FlatBuffer parameters,
      Ownership owned) {
    this.form = form;
    this.communicator = communicator;
    this.buckets = buckets;
    this.parameters = parameters;
    this.owned = owned;
  }

  /**
   * The gather before the first step.
   *
   * @param known what everybody had of what this rank owns when the run was stopped, if it was
   */
  void start(float[] master, Optional<float[]> known) {
    if (form.areDifferences()) {
      give(known.orElse(master), TrainConfig.Weights.FP32.codec(), parameters::put);
    } else {
      gather(master);
    }
  }

  /** The gather of a step. */
  void gather(float[] master) {
    if (form.areDifferences()) {
      float[] ahead = known();
      for (int i = 0; i < ahead.length; i++) {
        ahead[i] = master[i] - ahead[i];
      }
      give(ahead, form.codec(), this::add);
    } else {
      give(master, form.codec(), parameters::put);
    }
  }

  /** What has to be stored of the weights that this rank owns, besides the master weights. */
  float[] stored() {
    return form.areDifferences() ? known() : new float[0];
  }

  private float[] known() {
    return owned.read(parameters);
  }

  /**
   * What is shared to everybody; what this rank has alone through the codec too, as if it were
   * sent.
   */
  private void give(float[] values, GradientCodec codec, FloatWriter output) {
    int rank = communicator.rank();
    for (int bucket = 0; bucket < buckets.count(); bucket++) {
      int place = buckets.place(bucket, rank);
      float[] shard = Arrays.copyOfRange(values, place, place + buckets.get(bucket).size(rank));
      communicator.allGather(shard, buckets.get(bucket), codec, output);
    }
    int most = Math.min(CHUNK, owned.alone());
    float[] decoded = new float[most];
    byte[] bytes = new byte[codec.encodedBytes(most)];
    for (int start = 0; start < owned.alone(); start += CHUNK) {
      int length = Math.min(CHUNK, owned.alone() - start);
      int written = codec.encode(values, owned.sharded() + start, bytes, 0, length);
      codec.decode(bytes, 0, written, decoded, 0, length);
      output.write(owned.replicated() + start, decoded, 0, length);
    }
  }

  private void add(long to, float[] difference, int offset, int length) {
    float[] sum = new float[length];
    parameters.get(to, sum, 0, length);
    for (int i = 0; i < length; i++) {
      sum[i] += difference[offset + i];
    }
    parameters.put(to, sum, 0, length);
  }
}
