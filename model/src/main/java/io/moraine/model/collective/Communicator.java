package io.moraine.model.collective;

import io.moraine.model.collective.codec.DamagedPayloadException;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.TransportException;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.TreeMap;
import java.util.function.Supplier;

/**
 * The collectives of one rank. All ranks must call the same operations in the same order; results
 * are the same bits on every rank and in every run with as many ranks.
 *
 * <p>P is the number of ranks, N the number of elements, b the codec's bytes per element; bytes are
 * those that one rank sends.
 *
 * @source steps and bytes of each collective: docs/collectives.md
 */
public final class Communicator implements AutoCloseable {

  /** Elements that are encoded, sent and decoded at a time: 256 KiB of float32. */
  private static final int CHUNK = 1 << 16;

  private final Mesh mesh;
  private long step;

  public Communicator(Mesh mesh) {
    this.mesh = mesh;
  }

  public int rank() {
    return mesh.rank();
  }

  public int worldSize() {
    return mesh.worldSize();
  }

  /** Bytes that this rank sent so far, headers included. */
  public long sentBytes() {
    return mesh.sentBytes();
  }

  /** The step that messages name from now on. */
  public void beginStep(long number) {
    step = number;
  }

  /**
   * Sums every shard over all ranks at its owner. Each contribution is encoded once, the owner's
   * too; the owner adds what it decodes in the order of ranks, in float32.
   *
   * @param input this rank's contribution to all N elements
   * @param shardSum gets the sum of this rank's shard
   * @cost one step, {@code (P-1)/P * N * b} bytes, two chunks of memory per peer
   */
  public void reduceScatter(
      FloatReader input, ShardLayout layout, GradientCodec codec, float[] shardSum) {
    reduceScatter(
        input,
        layout,
        codec,
        (from, values, length, dst) -> codec.encode(values, 0, dst, 0, length),
        shardSum);
  }

  /**
   * The same with error feedback: what the codec leaves out of this rank's contribution goes into
   * its next one.
   *
   * @param feedback of all N elements; changed
   * @cost as without, and decoding all that is encoded; N elements of memory
   */
  public void reduceScatter(
      FloatReader input,
      ShardLayout layout,
      GradientCodec codec,
      ErrorFeedback feedback,
      float[] shardSum) {
    reduceScatter(
        input,
        layout,
        codec,
        (from, values, length, dst) -> feedback.encode(codec, from, values, length, dst),
        shardSum);
  }

  /**
   * Gives every rank all shards. The owner encodes its shard once and everybody decodes those
   * bytes, the owner too.
   *
   * @param shard this rank's shard
   * @param output gets all N elements
   * @cost one step, {@code (P-1)/P * N * b} bytes
   */
  public void allGather(
      float[] shard, ShardLayout layout, GradientCodec codec, FloatWriter output) {
    run(
        "all-gather",
        () -> {
          float[] chunk = new float[CHUNK];
          for (int from = 0; from < layout.size(0); from += CHUNK) {
            int length = Math.min(CHUNK, layout.size(rank()) - from);
            byte[] own = length > 0 ? encode(codec, shard, from, length) : new byte[0];
            for (int i = 1; i < worldSize() && length > 0; i++) {
              mesh.send((rank() + i) % worldSize(), own);
            }
            for (int owner = 0; owner < worldSize(); owner++) {
              int count = Math.min(CHUNK, layout.size(owner) - from);
              if (count > 0) {
                byte[] bytes = owner == rank() ? own : mesh.receive(owner);
                requireDecodable(
                    owner, () -> codec.decode(bytes, 0, bytes.length, chunk, 0, count));
                output.write(layout.from(owner) + from, chunk, 0, count);
              }
            }
          }
          return null;
        });
  }

  /** Everybody's bytes, by rank. */
  public byte[][] allGatherBytes(byte[] own) {
    return run(
        "all-gather of bytes",
        () -> {
          byte[][] all = new byte[worldSize()][];
          for (int i = 1; i < worldSize(); i++) {
            mesh.send((rank() + i) % worldSize(), own);
          }
          for (int peer = 0; peer < worldSize(); peer++) {
            all[peer] = peer == rank() ? own : mesh.receive(peer);
          }
          return all;
        });
  }

  /** Sums by element over all ranks, in the order of ranks, in float64. */
  public double[] allReduceSum(double[] values) {
    double[] sum = new double[values.length];
    for (byte[] bytes : allGatherBytes(doubleBytes(values))) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += ByteBuffer.wrap(bytes).getDouble(8 * i);
      }
    }
    return sum;
  }

  /** Sums by element over all ranks. */
  public long[] allReduceSum(long[] values) {
    long[] sum = new long[values.length];
    ByteBuffer own = ByteBuffer.allocate(8 * values.length);
    own.asLongBuffer().put(values);
    for (byte[] bytes : allGatherBytes(own.array())) {
      for (int i = 0; i < sum.length; i++) {
        sum[i] += ByteBuffer.wrap(bytes).getLong(8 * i);
      }
    }
    return sum;
  }

  /** Returns when every rank has come here. */
  public void barrier() {
    allReduceSum(new long[] {1});
  }

  /**
   * Checks that all ranks have the same value.
   *
   * @param what names the value in the message
   * @throws CollectiveException naming the ranks by value if they differ
   */
  public void requireIdentical(String what, long value) {
    TreeMap<String, StringBuilder> ranks = new TreeMap<>();
    byte[][] all = allGatherBytes(ByteBuffer.allocate(8).putLong(value).array());
    for (int peer = 0; peer < all.length; peer++) {
      String digest = "%016x".formatted(ByteBuffer.wrap(all[peer]).getLong());
      ranks.computeIfAbsent(digest, unused -> new StringBuilder()).append(' ').append(peer);
    }
    if (ranks.size() > 1) {
      throw new CollectiveException(
          "comparison", step, rank(), worldSize(), what + " differs between ranks: " + ranks);
    }
  }

  /** Tells all peers that this rank gives up, so that they end at once. */
  public void abort(String reason) {
    mesh.abort(reason);
  }

  @Override
  public void close() {
    mesh.close();
  }

  /** Encodes the range of a contribution that begins at {@code from}; returns bytes written. */
  private interface Encoder {
    int encode(long from, float[] values, int length, byte[] dst);
  }

  private void reduceScatter(
      FloatReader input,
      ShardLayout layout,
      GradientCodec codec,
      Encoder encoder,
      float[] shardSum) {
    run(
        "reduce-scatter",
        () -> {
          float[] chunk = new float[CHUNK];
          for (int from = 0; from < layout.size(0); from += CHUNK) {
            byte[] own = new byte[0];
            for (int i = 0; i < worldSize(); i++) {
              int owner = (rank() + i) % worldSize();
              int length = Math.min(CHUNK, layout.size(owner) - from);
              if (length > 0) {
                long place = layout.from(owner) + from;
                input.read(place, chunk, 0, length);
                byte[] bytes = new byte[codec.encodedBytes(length)];
                int written = encoder.encode(place, chunk, length, bytes);
                bytes = cut(bytes, written);
                if (owner == rank()) {
                  own = bytes;
                } else {
                  mesh.send(owner, bytes);
                }
              }
            }
            int length = Math.min(CHUNK, layout.size(rank()) - from);
            if (length > 0) {
              sumContributions(codec, own, shardSum, from, length);
            }
          }
          return null;
        });
  }

  private void sumContributions(
      GradientCodec codec, byte[] own, float[] shardSum, int from, int length) {
    Arrays.fill(shardSum, from, from + length, 0);
    for (int peer = 0; peer < worldSize(); peer++) {
      byte[] bytes = peer == rank() ? own : mesh.receive(peer);
      requireDecodable(peer, () -> codec.decodeAdd(bytes, 0, bytes.length, shardSum, from, length));
    }
  }

  /** A payload whose checksum is right but that does not fit is one of another operation. */
  private static void requireDecodable(int peer, Runnable decoding) {
    try {
      decoding.run();
    } catch (DamagedPayloadException e) {
      throw new TransportException(
          "rank %d sent something else: %s: the ranks do not run the same operation"
              .formatted(peer, e.getMessage()));
    }
  }

  private static byte[] encode(GradientCodec codec, float[] values, int offset, int length) {
    byte[] bytes = new byte[codec.encodedBytes(length)];
    int written = codec.encode(values, offset, bytes, 0, length);
    return cut(bytes, written);
  }

  private static byte[] cut(byte[] bytes, int length) {
    return bytes.length == length ? bytes : Arrays.copyOf(bytes, length);
  }

  private static byte[] doubleBytes(double[] values) {
    ByteBuffer bytes = ByteBuffer.allocate(8 * values.length);
    bytes.asDoubleBuffer().put(values);
    return bytes.array();
  }

  /** Runs an operation; a transport failure ends it here and, by an abort, on every other rank. */
  private <T> T run(String operation, Supplier<T> work) {
    try {
      return work.get();
    } catch (TransportException e) {
      mesh.abort(e.getMessage());
      CollectiveException failure =
          new CollectiveException(operation, step, rank(), worldSize(), e.getMessage());
      failure.initCause(e);
      throw failure;
    }
  }
}
