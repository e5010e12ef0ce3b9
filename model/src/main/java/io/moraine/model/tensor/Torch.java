package io.moraine.model.tensor;

import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts libtorch once per process. Nothing else may touch a libtorch class first.
 *
 * <p>The order matters: all native libraries are unpacked before the first is loaded, or the linker
 * binds to a system libtorch and the process dies; the platform extension is fixed, or a GPU jar on
 * the class path aborts a machine without GPU; OpenBLAS keeps to one thread, or its pool and
 * libgomp's fight for the cores.
 */
public final class Torch {

  private static boolean started;

  private Torch() {}

  /**
   * Loads libtorch, tries a matrix product and sets the number of threads of an operation.
   *
   * @param threads of libtorch's own pool, for the whole process; {@code >= 1}
   * @throws IllegalStateException if libtorch cannot be loaded or computes wrongly
   */
  public static synchronized void start(int threads) {
    if (!started) {
      load();
      selfTest();
      started = true;
    }
    torch.set_num_threads(threads);
  }

  private static void load() {
    try {
      Loader.loadProperties().setProperty("platform.extension", "");
      Loader.cacheResources("/org/bytedeco/pytorch/" + Loader.getPlatform() + "/");
      Loader.load(org.bytedeco.openblas.global.openblas.class);
      openblas_nolapack.blas_set_num_threads(1);
      Loader.load(torch.class);
    } catch (java.io.IOException | UnsatisfiedLinkError e) {
      throw new IllegalStateException(
          "libtorch cannot be loaded on %s: %s. Moraine ships it for linux-x86_64 (glibc)."
              .formatted(Loader.getPlatform(), e.getMessage()),
          e);
    }
  }

  private static void selfTest() {
    TensorOptions options = new TensorOptions(torch.ScalarType.Float);
    try (Tensor ones = torch.ones(new long[] {3, 3}, options);
        Tensor product = torch.matmul(ones, ones);
        Tensor sum = product.sum()) {
      if (sum.item_float() != 27) {
        throw new IllegalStateException(
            "libtorch computes wrongly: the self-test's sum must be 27, got " + sum.item_float());
      }
    }
  }
}
