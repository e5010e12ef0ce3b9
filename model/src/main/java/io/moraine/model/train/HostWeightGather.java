package io.moraine.model.train;

import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.FloatWriter;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Arrays;
import java.util.Optional;

/** Of master weights in an array. */
final class HostWeightGather extends WeightGather {

  private static final int CHUNK = Communicator.CHUNK_ELEMENTS;

  private final HostShard shard;

  HostWeightGather(
      TrainConfig.Weights form,
      Communicator communicator,
      Buckets buckets,
      FlatBuffer parameters,
      Ownership owned,
      HostShard shard) {
    super(form, communicator, buckets, parameters, owned);
    this.shard = shard;
  }

  @Override
  void giveAll(Optional<float[]> known) {
    give(known.orElse(shard.master()), TrainConfig.Weights.FP32.codec(), parameters::put);
  }

  @Override
  void giveStep() {
    if (form.areDifferences()) {
      float[] master = shard.master();
      float[] ahead = known();
      for (int i = 0; i < ahead.length; i++) {
        ahead[i] = master[i] - ahead[i];
      }
      give(ahead, form.codec(), this::add);
    } else {
      give(shard.master(), form.codec(), parameters::put);
    }
  }

  private void give(float[] values, GradientCodec codec, FloatWriter output) {
    int rank = communicator.rank();
    for (int bucket = 0; bucket < buckets.count(); bucket++) {
      int shardOffset = buckets.shardOffset(bucket, rank);
      float[] part =
          Arrays.copyOfRange(values, shardOffset, shardOffset + buckets.get(bucket).size(rank));
      communicator.allGather(part, buckets.get(bucket), codec, output);
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

  @Override
  public void close() {}
}
