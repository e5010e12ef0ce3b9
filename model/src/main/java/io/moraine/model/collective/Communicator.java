package io.moraine.model.collective;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.Operation;
import io.moraine.model.collective.transport.Tag;
import io.moraine.model.collective.transport.TransportException;
import java.util.Optional;
import java.util.TreeMap;
import java.util.function.Function;

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

  /**
   * Elements that the large collectives encode, send and decode at a time; of as many top-k
   * chooses.
   */
  public static final int CHUNK_ELEMENTS = Wire.CHUNK;

  private final Mesh mesh;
  private final Optional<Hosts> hosts;
  private final Optional<String> whyFlat;
  private final int ahead;
  private long step;
  private int collectives;
  private long dispatchedElements;

  /** All ranks with each other. */
  public Communicator(Mesh mesh) {
    this(mesh, Hierarchy.FLAT);
  }

  /**
   * Reduce-scatter, all-gather and all-reduce by hosts, if so wanted and all of several hosts have
   * as many ranks, more than one; {@link #whyFlat} if not.
   */
  public Communicator(Mesh mesh, Hierarchy hierarchy) {
    this(mesh, hierarchy, Wire.AHEAD);
  }

  /** The same, as many rounds ahead as are to be compared. */
  Communicator(Mesh mesh, Hierarchy hierarchy, int ahead) {
    Hosts found = Hosts.of(mesh.hosts());
    boolean isWanted = hierarchy == Hierarchy.HOSTS;
    this.mesh = mesh;
    this.ahead = ahead;
    this.hosts = isWanted && isOfUse(found) ? Optional.of(found) : Optional.empty();
    this.whyFlat =
        isWanted && !isOfUse(found)
            ? Optional.of(
                "collectives are flat: by hosts they need several hosts with as many ranks each, more than one; ranks by host: "
                    + found.ranks())
            : Optional.empty();
  }

  public int rank() {
    return mesh.rank();
  }

  public int worldSize() {
    return mesh.worldSize();
  }

  /** Why collectives are not by hosts though it was wanted, in a line; else empty. */
  public Optional<String> whyFlat() {
    return whyFlat;
  }

  /** Whether the large collectives are by hosts. */
  public boolean isByHosts() {
    return hosts.isPresent();
  }

  /** Bytes that this rank sent so far, headers included; {@link Mesh#sentBytes}. */
  public long sentBytes() {
    return mesh.sentBytes();
  }

  /** Elements that {@link #allToAll} sent to other ranks so far, whatever the codec. */
  public long dispatchedElements() {
    return dispatchedElements;
  }

  /** The step that messages name from now on. */
  public void beginStep(long number) {
    step = number;
  }

  /** That step; 0 before the first. */
  public long step() {
    return step;
  }

  private static boolean isOfUse(Hosts found) {
    return found.isEven() && found.count() > 1 && found.each() > 1;
  }

  /**
   * Sums every shard over all ranks at its owner. Each contribution is encoded once, the owner's
   * too; the owner adds what it decodes in the order of ranks, in float32. By hosts, each host's
   * contributions are added first, in float32; the sum is encoded once.
   *
   * @param input this rank's contribution to all N elements; each is read once
   * @param shardSum gets the sum of this rank's shard
   * @cost one step, {@code (P-1)/P * N * b} bytes, at most 6 chunks under way per peer and
   *     direction
   */
  public void reduceScatter(
      FloatReader input, ShardLayout layout, GradientCodec codec, float[] shardSum) {
    ChunkCoder coder = new ChunkCoder(codec);
    reduceScatter(
        input,
        input,
        layout,
        coder,
        (from, values, length, dst) -> coder.encode(values, 0, dst, length),
        shardSum);
  }

  /**
   * The same with error feedback: what the codec leaves out of what this rank encodes, its own
   * contribution or its host's, goes into the next.
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
    ChunkCoder coder = new ChunkCoder(codec);
    reduceScatter(
        input,
        (from, dst, offset, length) -> {
          input.read(from, dst, offset, length);
          feedback.handOver(from, dst, offset, length);
        },
        layout,
        coder,
        (from, values, length, dst) ->
            coder.encode(array -> feedback.encode(codec, from, values, length, array), dst, length),
        shardSum);
  }

  /**
   * The same of a contribution that somebody else has encoded; not by hosts, which add up values.
   *
   * @param encoded this rank's contribution to all N elements, in the codec's bytes
   */
  public void reduceScatter(
      ByteReader encoded, ShardLayout layout, GradientCodec codec, float[] shardSum) {
    if (isByHosts()) {
      throw new IllegalStateException("hosts add up values, not what is encoded");
    }
    run(
        Operation.REDUCE_SCATTER,
        wire -> {
          new ReduceScatter(wire, layout, new ChunkCoder(codec), encoded).run(shardSum);
          return wire;
        });
  }

  /**
   * Either of the first two.
   *
   * @param given what others of this host get of this rank's contribution
   */
  private void reduceScatter(
      FloatReader input,
      FloatReader given,
      ShardLayout layout,
      ChunkCoder coder,
      ReduceScatter.RangeEncoder encoder,
      float[] shardSum) {
    run(
        Operation.REDUCE_SCATTER,
        wire -> {
          if (hosts.isPresent()) {
            new ReduceScatterByHosts(wire, hosts.get(), layout, coder, input, given, encoder)
                .run(shardSum);
          } else {
            new ReduceScatter(wire, layout, coder, ReduceScatter.encoded(input, encoder))
                .run(shardSum);
          }
          return wire;
        });
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
        Operation.ALL_GATHER,
        wire -> {
          allGather(wire, layout, Gathering.of(shard, codec, output));
          return wire;
        });
  }

  /**
   * The same of a shard that somebody else has encoded, and will decode what all have sent.
   *
   * @param encoded this rank's shard, in the codec's bytes
   * @param output gets the bytes of all N elements
   */
  public void allGather(
      ByteReader encoded, ShardLayout layout, GradientCodec codec, ByteWriter output) {
    run(
        Operation.ALL_GATHER,
        wire -> {
          allGather(wire, layout, Gathering.of(encoded, layout.from(rank()), codec, output));
          return wire;
        });
  }

  /**
   * Replaces the values by their sum over all ranks: {@link #reduceScatter} and {@link #allGather}
   * in shards of whole blocks of 256, one running into the other. Contributions are encoded once,
   * and so are sums.
   *
   * @param values of equal length on all ranks
   * @cost two steps, {@code 2(P-1)/P * N * b} bytes, at most 10 chunks under way per peer and
   *     direction
   */
  public void allReduce(float[] values, GradientCodec codec) {
    run(
        Operation.ALL_REDUCE,
        wire -> {
          if (hosts.isPresent()) {
            new AllReduceByHosts(wire, hosts.get(), codec, values).run();
          } else {
            new AllReduce(wire, codec, values).run();
          }
          return wire;
        });
  }

  /**
   * Replaces the values by the root's, encoded once; the root's own too, so that all have the same
   * bits.
   *
   * @param values of equal length on all ranks
   * @cost two steps; the root sends {@code 2(P-1)/P * N * b} bytes, others {@code (P-2)/P * N * b}
   */
  public void broadcast(int root, float[] values, GradientCodec codec) {
    requireRank(root);
    run(
        Operation.BROADCAST,
        wire -> {
          new Broadcast(wire, root).floats(values, codec);
          return wire;
        });
  }

  /**
   * The root's bytes.
   *
   * @param own what the root sends; of no meaning on other ranks
   * @cost as {@link #broadcast}, and a step for their number
   */
  public byte[] broadcastBytes(int root, byte[] own) {
    requireRank(root);
    return run(Operation.BROADCAST_BYTES, wire -> new Broadcast(wire, root).bytes(own));
  }

  /**
   * Tells each rank how much it will get.
   *
   * @param counts for each rank
   * @return from each rank
   * @cost one step, {@code 4 (P-1)} bytes
   */
  public int[] exchangeCounts(int[] counts) {
    return run(Operation.EXCHANGE_OF_COUNTS, wire -> AllToAll.counts(wire, counts));
  }

  /**
   * From each rank to each other as many bytes as there are for it.
   *
   * @param src what goes to rank 0, to rank 1, ...
   * @param sentBytes to each rank
   * @param dst gets what comes from rank 0, from rank 1, ...
   * @param receivedBytes from each rank; {@link #exchangeCounts} if it is not known
   * @cost one step, what goes to others
   */
  public void allToAll(byte[] src, int[] sentBytes, byte[] dst, int[] receivedBytes) {
    run(
        Operation.ALL_TO_ALL_BYTES,
        wire -> {
          new AllToAll(wire, sentBytes, receivedBytes).bytes(src, dst);
          return wire;
        });
  }

  /**
   * From each rank to each other as many floats as there are for it, through a codec; those for
   * this rank too, so that it does not matter where a value came from.
   *
   * @param src what goes to rank 0, to rank 1, ...
   * @param sent elements to each rank
   * @param dst gets what comes from rank 0, from rank 1, ...
   * @param received elements from each rank; {@link #exchangeCounts} if it is not known
   * @cost one step, b bytes per element that goes to others
   */
  public void allToAll(float[] src, int[] sent, GradientCodec codec, float[] dst, int[] received) {
    dispatchedElements += src.length - sent[rank()];
    run(
        Operation.ALL_TO_ALL,
        wire -> {
          new AllToAll(wire, sent, received).floats(src, codec, dst);
          return wire;
        });
  }

  /**
   * Everybody's bytes, by rank.
   *
   * @param own at most 2^26
   */
  public byte[][] allGatherBytes(byte[] own) {
    byte[] sent = own.clone();
    return run(Operation.ALL_GATHER_BYTES, wire -> new ExactExchange(wire).bytes(sent));
  }

  /** Sums by element over all ranks, in the order of ranks, in float64. */
  public double[] allReduceSum(double[] values) {
    return run(Operation.SUM_OF_DOUBLES, wire -> new ExactExchange(wire).sum(values));
  }

  /** Sums by element over all ranks. */
  public long[] allReduceSum(long[] values) {
    return run(Operation.SUM_OF_LONGS, wire -> new ExactExchange(wire).sum(values));
  }

  /** Returns when every rank has come here. */
  public void barrier() {
    run(
        Operation.BARRIER,
        wire -> {
          new ExactExchange(wire).barrier();
          return wire;
        });
  }

  /**
   * Checks that all ranks have the same value.
   *
   * @param what names the value in the message
   * @throws CollectiveException naming the ranks by value if they differ
   */
  public void requireIdentical(String what, long value) {
    TreeMap<String, StringBuilder> ranks = new TreeMap<>();
    long[] all = run(Operation.COMPARISON, wire -> new ExactExchange(wire).values(value));
    for (int peer = 0; peer < all.length; peer++) {
      String digest = "%016x".formatted(all[peer]);
      ranks.computeIfAbsent(digest, unused -> new StringBuilder()).append(' ').append(peer);
    }
    if (ranks.size() > 1) {
      throw new CollectiveException(
          Operation.COMPARISON.toString(),
          step,
          rank(),
          worldSize(),
          what + " differs between ranks: " + ranks);
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

  private void requireRank(int root) {
    if (root < 0 || root >= worldSize()) {
      throw new IllegalArgumentException(
          "root must be in [0, %d), got %d".formatted(worldSize(), root));
    }
  }

  private void allGather(Wire wire, ShardLayout layout, Gathering gathering) {
    if (hosts.isPresent()) {
      new AllGatherByHosts(wire, hosts.get(), layout, gathering).run();
    } else {
      new AllGather(wire, layout, gathering).run();
    }
  }

  /** Runs an operation; a transport failure ends it here and, by an abort, on every other rank. */
  private <T> T run(Operation operation, Function<Wire, T> work) {
    try {
      return work.apply(new Wire(mesh, new Tag(operation, ++collectives, step), ahead));
    } catch (TransportException e) {
      mesh.abort(e.getMessage());
      CollectiveException failure =
          new CollectiveException(operation.toString(), step, rank(), worldSize(), e.getMessage());
      failure.initCause(e);
      throw failure;
    }
  }
}
