package io.moraine.model.collective.codec;

import com.sun.management.ThreadMXBean;
import java.lang.management.ManagementFactory;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * All codecs in turn in one process, as one that trains may use several: GB/s of float32 by the
 * thread's processor time, which other work on the machine changes less than the wall's, and bytes
 * allocated per chunk of 65,536 elements: vectors that C2 boxes are seen there.
 *
 * <p>Arguments: {@code vector} or {@code scalar}, rounds. A line per codec, and one for each of
 * PowerSGD's products: the median of the last half of the rounds, and the best.
 */
public final class CodecSpeed {

  private static final int ELEMENTS = 1 << 16;
  private static final int TIMES = 16;
  private static final double TOP_K_SHARE = 0.01;
  private static final int WIDTH = 512;
  private static final int LOW_RANK = 4;
  private static final ThreadMXBean THREADS = (ThreadMXBean) ManagementFactory.getThreadMXBean();

  private final float[] values = new float[ELEMENTS];
  private final float[] target = new float[ELEMENTS];

  private CodecSpeed() {
    SplittableRandom random = new SplittableRandom(1);
    for (int i = 0; i < ELEMENTS; i++) {
      values[i] = (float) (1e-3 * random.nextGaussian());
    }
  }

  /** What is measured. */
  private interface Work {
    void run();
  }

  /** Work of one kind in all rounds. */
  private record Case(String name, Work work, double[] rates, long[] bytes) {

    Case(String name, Work work, int rounds) {
      this(name, work, new double[rounds], new long[rounds]);
    }

    void run(int round) {
      long bytesBefore = THREADS.getCurrentThreadAllocatedBytes();
      long before = THREADS.getCurrentThreadCpuTime();
      for (int i = 0; i < TIMES; i++) {
        work.run();
      }
      rates[round] = 4.0 * ELEMENTS * TIMES / (THREADS.getCurrentThreadCpuTime() - before);
      bytes[round] = (THREADS.getCurrentThreadAllocatedBytes() - bytesBefore) / TIMES;
    }

    void report() {
      double[] last = Arrays.copyOfRange(rates, rates.length / 2, rates.length);
      Arrays.sort(last);
      System.out.printf(
          Locale.ROOT,
          "%-16s %6.1f GB/s best %6.1f GB/s %,9d bytes%n",
          name,
          last[last.length / 2],
          last[last.length - 1],
          bytes[bytes.length - 1]);
    }
  }

  public static void main(String[] args) {
    Kernels kernels = args[0].equals("vector") ? Kernels.vector().orElseThrow() : Kernels.scalar();
    int rounds = Integer.parseInt(args[1]);
    List<Case> cases = new CodecSpeed().cases(kernels, rounds);
    for (int round = 0; round < rounds; round++) {
      for (Case each : cases) {
        each.run(round);
      }
    }
    cases.forEach(Case::report);
  }

  private List<Case> cases(Kernels kernels, int rounds) {
    List<GradientCodec> codecs = new ArrayList<>(kernels.codecs());
    codecs.add(kernels.fp8(GradientCodec.FP8_TILE));
    codecs.add(new TopKCodec(TOP_K_SHARE, kernels));
    List<Case> cases = new ArrayList<>();
    cases.add(new Case("copy", () -> System.arraycopy(values, 0, target, 0, ELEMENTS), rounds));
    for (GradientCodec codec : codecs) {
      byte[] bytes = new byte[codec.encodedBytes(ELEMENTS)];
      int written = codec.encode(values, 0, bytes, 0, ELEMENTS);
      String name = codec.name();
      cases.add(
          new Case(name + " encode", () -> codec.encode(values, 0, bytes, 0, ELEMENTS), rounds));
      cases.add(
          new Case(
              name + " decodeAdd",
              () -> codec.decodeAdd(bytes, 0, written, target, 0, ELEMENTS),
              rounds));
      cases.add(
          new Case(
              name + " decode",
              () -> codec.decode(bytes, 0, written, target, 0, ELEMENTS),
              rounds));
    }
    cases.addAll(products(kernels, rounds));
    return cases;
  }

  /** PowerSGD's, of a matrix of {@link #WIDTH} columns with factors of {@link #LOW_RANK}. */
  private List<Case> products(Products products, int rounds) {
    float[] left = new float[LOW_RANK * ELEMENTS / WIDTH];
    float[] right = Arrays.copyOf(values, LOW_RANK * WIDTH);
    Work toLeft =
        () -> {
          for (int i = 0; i < left.length; i++) {
            int row = i / LOW_RANK * WIDTH;
            left[i] = products.dot(values, row, right, i % LOW_RANK * WIDTH, WIDTH);
          }
        };
    Work toRight =
        () -> {
          for (int i = 0; i < left.length; i++) {
            int row = i / LOW_RANK * WIDTH;
            products.addScaled(values, row, target, i % LOW_RANK * WIDTH, WIDTH, left[i]);
          }
          products.oneNaN(target, 0, LOW_RANK * WIDTH);
        };
    Work toMatrix =
        () -> {
          for (int i = 0; i < left.length; i++) {
            int row = i / LOW_RANK * WIDTH;
            products.addScaled(right, i % LOW_RANK * WIDTH, target, row, WIDTH, left[i]);
          }
          for (int row = 0; row < ELEMENTS; row += WIDTH) {
            products.oneNaN(target, row, WIDTH);
          }
        };
    return List.of(
        new Case("powersgd left", toLeft, rounds),
        new Case("powersgd right", toRight, rounds),
        new Case("powersgd matrix", toMatrix, rounds));
  }
}
