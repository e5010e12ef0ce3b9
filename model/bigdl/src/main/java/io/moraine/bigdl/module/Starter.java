package io.moraine.bigdl.module;

import com.intel.analytics.bigdl.mkl.MKL;
import com.intel.analytics.bigdl.utils.Engine$;
import java.util.function.IntConsumer;
import org.apache.log4j.Level;
import org.apache.log4j.Logger;

/** Starts BigDL without Spark, and sets MKL's threads. */
public final class Starter implements IntConsumer {

  /** For {@code BigDl}. */
  public Starter() {}

  /**
   * Does both.
   *
   * @param threads of MKL in one operation
   * @throws IllegalStateException if MKL cannot be loaded here: BigDL would compute without it, a
   *     hundred times slower
   */
  @Override
  public void accept(int threads) {
    if (threads < 1) {
      throw new IllegalArgumentException(
          "threads of MKL must be at least 1, got %d".formatted(threads));
    }
    System.setProperty("bigdl.localMode", "true");
    System.setProperty("bigdl.mklNumThreads", Integer.toString(threads));
    Logger.getLogger("com.intel.analytics.bigdl").setLevel(Level.WARN);
    Engine$.MODULE$.init();
    if (!MKL.isMKLLoaded()) {
      throw new IllegalStateException(
          "BigDL's MKL cannot be loaded here. BigDL has it for linux-x86_64 with glibc.");
    }
    MKL.setNumThreads(threads);
  }
}
