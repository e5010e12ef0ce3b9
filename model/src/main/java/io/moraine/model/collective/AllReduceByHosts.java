package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;

/**
 * Reduce-scatter and all-gather by hosts, one after the other.
 *
 * @param values are replaced by their sum over all ranks
 */
record AllReduceByHosts(Wire wire, Hosts hosts, GradientCodec codec, float[] values) {

  void run() {
    ShardLayout layout = new ShardLayout(values.length, wire.worldSize(), GradientCodec.BLOCK);
    ChunkCoder coder = new ChunkCoder(codec);
    FloatReader input =
        (from, dst, offset, length) ->
            System.arraycopy(values, Math.toIntExact(from), dst, offset, length);
    float[] shard = new float[layout.size(wire.rank())];
    new ReduceScatterByHosts(
            wire,
            hosts,
            layout,
            coder,
            input,
            input,
            (from, sum, length, dst) -> coder.encode(sum, 0, dst, length))
        .run(shard);
    FloatWriter output =
        (to, src, offset, length) ->
            System.arraycopy(src, offset, values, Math.toIntExact(to), length);
    new AllGatherByHosts(wire, hosts, layout, Gathering.of(shard, codec, output)).run();
  }
}
