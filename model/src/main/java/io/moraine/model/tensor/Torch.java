package io.moraine.model.tensor;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.util.Collections;
import java.util.jar.JarEntry;
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
      unpack("org/bytedeco/pytorch/" + Loader.getPlatform() + "/");
      Loader.load(org.bytedeco.openblas.global.openblas.class);
      openblas_nolapack.blas_set_num_threads(1);
      Loader.load(torch.class);
    } catch (IOException | UnsatisfiedLinkError e) {
      throw new IllegalStateException(
          "libtorch cannot be loaded on %s: %s. Moraine ships it for linux-x86_64 (glibc)."
              .formatted(Loader.getPlatform(), e.getMessage()),
          e);
    }
  }

  /**
   * Unpacks the files of a folder of libtorch's jar that are not there yet. One by one: a folder as
   * a whole is written anew each time, also under the hands of a process that is loading from it.
   */
  private static void unpack(String folder) throws IOException {
    URL library = Torch.class.getResource("/" + folder + "libjnitorch.so");
    if (library == null || !(library.openConnection() instanceof JarURLConnection jar)) {
      throw new UnsatisfiedLinkError("no jar on the class path has a library in " + folder);
    }
    for (JarEntry entry : Collections.list(jar.getJarFile().entries())) {
      if (entry.getName().startsWith(folder) && !entry.isDirectory()) {
        Loader.cacheResource(Torch.class, "/" + entry.getName());
      }
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
