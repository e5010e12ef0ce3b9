package io.moraine.model.collective;

import com.sun.management.OperatingSystemMXBean;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Listener;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.collective.transport.Rendezvous;
import io.moraine.model.collective.transport.Tls;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * All-reduce with each codec over each kind of socket, against plain streams of as many bytes over
 * the same kinds and against Gloo: one rank of them, all sides in one run, in turn.
 *
 * <p>Arguments: rank, number of ranks, a folder that all ranks see, this rank's host name or
 * address, MiB of float32 (several, with commas), sides (likewise), rounds. Sides: {@code
 * CODEC-tcp}, {@code CODEC-tls} (with {@code keys.p12} of the folder, password {@code changeit}),
 * {@code CODEC-unix}, {@code powersgd-tcp}, {@code powersgd-unix} ({@link PowerSgdSide}), {@code
 * stream-tcp}, {@code stream-unix}, {@code memory-tcp}, {@code memory-unix} ({@link StreamSide}),
 * {@code gloo}; {@code CODEC-tcp-0} and so on receive 0 rounds behind what they send, not 2. Rank 0
 * prints a line per size and side: the median and the best time of the slowest rank, the median of
 * all ranks' processor time, which other work on the machine changes least, bandwidth (bytes of
 * float32 per second, of the median and of the best), bytes that rank 0 sent.
 */
public final class CollectiveSpeed {

  private static final int WARM_UPS = 3;
  private static final OperatingSystemMXBean PROCESS =
      ManagementFactory.getPlatformMXBean(OperatingSystemMXBean.class);

  /** One way of getting bytes around. */
  interface Side extends AutoCloseable {

    /** Does it once. */
    void run(float[] values) throws IOException;

    /** Bytes that this rank has sent so far; 0 if it is not known. */
    long sentBytes();

    @Override
    void close();
  }

  private final int rank;
  private final int worldSize;
  private final Path folder;
  private final String host;

  private CollectiveSpeed(int rank, int worldSize, Path folder, String host) {
    this.rank = rank;
    this.worldSize = worldSize;
    this.folder = folder;
    this.host = host;
  }

  public static void main(String[] args) throws IOException {
    CollectiveSpeed speed =
        new CollectiveSpeed(
            Integer.parseInt(args[0]), Integer.parseInt(args[1]), Path.of(args[2]), args[3]);
    List<String> sides = List.of(args[5].split(",", -1));
    int rounds = Integer.parseInt(args[6]);
    for (String size : args[4].split(",", -1)) {
      speed.compare(Integer.parseInt(size), sides, rounds);
    }
    System.exit(0); // Gloo's threads would not let go
  }

  private void compare(int mebibytes, List<String> names, int rounds) throws IOException {
    float[] start = new float[mebibytes << 18];
    SplittableRandom random = new SplittableRandom(rank);
    for (int i = 0; i < start.length; i++) {
      start[i] = (float) (1e-3 * random.nextGaussian());
    }
    float[] values = new float[start.length];
    List<Side> sides = new ArrayList<>();
    try (Communicator referee = communicator("referee-" + mebibytes, "tcp", Wire.AHEAD)) {
      for (String name : names) {
        sides.add(side(name, name + "-" + mebibytes));
      }
      double[][] seconds = new double[names.size()][rounds];
      double[][] busy = new double[names.size()][rounds];
      long[] sent = new long[names.size()];
      for (int round = -WARM_UPS; round < rounds; round++) {
        for (int side = 0; side < sides.size(); side++) {
          System.arraycopy(start, 0, values, 0, start.length);
          long before = sides.get(side).sentBytes();
          Times time = time(sides.get(side), values, referee);
          sent[side] = sides.get(side).sentBytes() - before;
          if (round >= 0) {
            seconds[side][round] = time.slowestNanos() / 1e9;
            busy[side][round] = time.busyNanos() / 1e9;
          } else if (!names.get(side).matches("(stream|memory|gloo|powersgd).*")) {
            referee.requireIdentical("what " + names.get(side) + " gave", Arrays.hashCode(values));
          }
        }
      }
      report(mebibytes, names, seconds, busy, sent);
    }
    sides.forEach(Side::close);
  }

  /** Of the slowest rank, and processor time of all ranks. */
  private record Times(long slowestNanos, long busyNanos) {}

  private static Times time(Side side, float[] values, Communicator referee) throws IOException {
    referee.barrier();
    long busyBefore = PROCESS.getProcessCpuTime();
    long begin = System.nanoTime();
    side.run(values);
    ByteBuffer own = ByteBuffer.allocate(16).putLong(System.nanoTime() - begin);
    own.putLong(PROCESS.getProcessCpuTime() - busyBefore);
    long slowest = 0;
    long busy = 0;
    for (byte[] each : referee.allGatherBytes(own.array())) {
      slowest = Math.max(slowest, ByteBuffer.wrap(each).getLong());
      busy += ByteBuffer.wrap(each).getLong(8);
    }
    return new Times(slowest, busy);
  }

  private void report(
      int mebibytes, List<String> names, double[][] seconds, double[][] busy, long[] sent) {
    for (int side = 0; side < names.size() && rank == 0; side++) {
      Arrays.sort(seconds[side]);
      Arrays.sort(busy[side]);
      double median = seconds[side][seconds[side].length / 2];
      double best = seconds[side][0];
      double gigabytes = mebibytes * 1048576.0 / 1e9;
      System.out.printf(
          Locale.ROOT,
          "P=%d %4d MiB %-12s median %9.3f ms best %9.3f ms cpu %9.3f ms  %6.3f GB/s best %6.3f"
              + " GB/s %,13d bytes%n",
          worldSize,
          mebibytes,
          names.get(side),
          1e3 * median,
          1e3 * best,
          1e3 * busy[side][busy[side].length / 2],
          gigabytes / median,
          gigabytes / best,
          sent[side]);
    }
  }

  private Side side(String name, String run) throws IOException {
    if (name.equals("gloo")) {
      return new GlooSide(rank, worldSize, folder.resolve(run), host);
    }
    String[] parts = name.split("-", -1);
    boolean isUnix = parts[1].equals("unix");
    boolean isFromMemory = parts[0].equals("memory");
    if (isFromMemory || parts[0].equals("stream")) {
      return new StreamSide(communicator(run, "tcp", Wire.AHEAD), host, isUnix, isFromMemory);
    }
    int ahead = parts.length > 2 ? Integer.parseInt(parts[2]) : Wire.AHEAD;
    Communicator communicator = communicator(run, parts[1], ahead);
    if (parts[0].equals("powersgd")) {
      return new PowerSgdSide(communicator);
    }
    GradientCodec codec =
        parts[0].equals("topk") ? GradientCodec.topK(0.01) : GradientCodec.of(parts[0]);
    return new Side() {
      @Override
      public void run(float[] values) {
        communicator.allReduce(values, codec);
      }

      @Override
      public long sentBytes() {
        return communicator.sentBytes();
      }

      @Override
      public void close() {
        communicator.close();
      }
    };
  }

  private Communicator communicator(String run, String sockets, int ahead) {
    MeshConfig config =
        new MeshConfig(
            rank,
            worldSize,
            run,
            "no secret at all".getBytes(StandardCharsets.US_ASCII),
            Duration.ofSeconds(60),
            Duration.ofSeconds(600),
            () -> false);
    if (sockets.equals("tls")) {
      char[] password = "changeit".toCharArray();
      Tls.Store keys = new Tls.Store(folder.resolve("keys.p12"), "PKCS12", password);
      config = config.withTls(Tls.of(keys, password, keys));
    }
    Listener listener =
        sockets.equals("unix") ? Listener.withUnixSocket(host) : Listener.open(host);
    return new Communicator(Rendezvous.inFolder(config, folder, listener), Hierarchy.FLAT, ahead);
  }
}
