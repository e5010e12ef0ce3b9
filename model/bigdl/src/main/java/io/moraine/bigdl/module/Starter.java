package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.mkl.MKL;
import com.intel.analytics.bigdl.utils.Engine$;
import java.util.Arrays;
import java.util.Objects;
import java.util.SplittableRandom;
import java.util.function.IntConsumer;
import org.apache.log4j.Level;
import org.apache.log4j.Logger;

/** Starts BigDL without Spark, once, and sets MKL's threads. */
public final class Starter implements IntConsumer {

  /** Elements in a cache line: arrays of the JVM begin anywhere in one. */
  private static final int LINE = 64 / Float.BYTES;

  /** Of MKL, which gives the same bits with as many; 0 before it is started. */
  private static int startedThreads;

  /** For {@code BigDl}. */
  public Starter() {}

  /**
   * Does both.
   *
   * @param threads of MKL in one operation
   * @throws IllegalStateException if MKL cannot be loaded here, or gives other bits from run to run
   */
  @Override
  public void accept(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(
          "threads of MKL must be at least 1, got %d".formatted(threads));
    }
    start(threads);
  }

  private static synchronized void start(int threads) {
    if (startedThreads == 0) {
      start();
    }
    if (startedThreads != threads) {
      MKL.setNumThreads(threads);
      requireSameBits();
      startedThreads = threads;
    }
  }

  private static void start() {
    System.setProperty("bigdl.localMode", "true");
    Logger.getLogger("com.intel.analytics.bigdl").setLevel(Level.WARN);
    loadMkl();
    Engine$.MODULE$.init();
    // Finds its own version by the thread's class loader, the first time that it is asked for it.
    Objects.requireNonNull(com.intel.analytics.bigdl.package$.MODULE$.BIGDL_VERSION());
  }

  /** MKL's class unpacks and loads it when it is first used, and fails with errors of all kinds. */
  private static void loadMkl() {
    try {
      MKL.setNumThreads(1);
    } catch (Error e) {
      throw new IllegalStateException(
          "BigDL's MKL cannot be loaded here: %s. BigDL has it for linux-x86_64 with glibc, and unpacks it into the temporary folder."
              .formatted(Causes.innermost(e)),
          e);
    }
  }

  /**
   * MKL picks its kernels by where arrays begin, unless it is told not to; the JVM moves arrays.
   * The sizes are those of a product in which that was seen.
   */
  private static void requireSameBits() {
    int rows = 33;
    int columns = 48;
    int inner = 65;
    float[] left = random(inner * rows);
    float[] right = random(inner * columns);
    float[] first = product(left, right, rows, columns, inner, 0);
    for (int shift = 1; shift < LINE; shift++) {
      if (!Arrays.equals(first, product(left, right, rows, columns, inner, shift))) {
        throw new IllegalStateException(
            "BigDL's MKL gives other bits from run to run here. Set MKL_CBWR=AUTO in the environment of this process (on a cluster: --conf spark.executorEnv.MKL_CBWR=AUTO), as the launcher does.");
      }
    }
  }

  /** Of arrays that begin elsewhere in a cache line for each shift. */
  private static float[] product(
      float[] left, float[] right, int rows, int columns, int inner, int shift) {
    int rightShift = 5 * shift % LINE;
    float[] result = new float[rows * columns];
    FloatTensors.NUMERIC.gemm(
        't',
        'n',
        rows,
        columns,
        inner,
        1f,
        shifted(left, shift),
        shift,
        inner,
        shifted(right, rightShift),
        rightShift,
        inner,
        0f,
        result,
        0,
        rows);
    return result;
  }

  private static float[] shifted(float[] values, int shift) {
    float[] shifted = new float[values.length + shift];
    System.arraycopy(values, 0, shifted, shift, values.length);
    return shifted;
  }

  private static float[] random(int length) {
    SplittableRandom random = new SplittableRandom(1);
    float[] values = new float[length];
    for (int i = 0; i < length; i++) {
      values[i] = (float) random.nextDouble() - 0.5f;
    }
    return values;
  }
}
