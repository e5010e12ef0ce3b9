package io.moraine.model.tensor;

import java.io.IOException;
import java.net.JarURLConnection;
import java.net.URL;
import java.util.Collections;
import java.util.List;
import java.util.jar.JarEntry;
import org.bytedeco.javacpp.Loader;
import org.bytedeco.openblas.presets.openblas_nolapack;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Starts libtorch once per process. Nothing else may touch a libtorch class first.
 *
 * <p>The order matters: what a GPU needs is looked for first, since libtorch's CUDA build aborts
 * the process where it is not; the platform extension, by which the loader takes one of the two
 * builds on the class path, is fixed next; all native libraries are unpacked before the first is
 * loaded, or the linker binds to a system libtorch and the process dies; OpenBLAS keeps to one
 * thread, or its pool and libgomp's fight for the cores.
 */
public final class Torch {

  private static boolean started;
  private static boolean hasCuda;

  private Torch() {}

  /**
   * Loads libtorch for the processor, if none is loaded yet, tries a matrix product and sets the
   * number of threads of an operation.
   *
   * @param threads of libtorch's own pool, for the whole process; {@code >= 1}
   * @throws IllegalStateException if libtorch cannot be loaded or computes wrongly
   */
  public static void start(int threads) {
    start(threads, DeviceChoice.CPU, 0);
  }

  /**
   * The same, and says where a model is to be. The first call decides which libtorch is loaded.
   *
   * @param turn of those that share the GPUs that this process sees: the first takes the first,
   *     whoever comes behind the last one the first again
   * @throws NoCudaException if a GPU is asked for and there is none, or a library is missing
   */
  public static synchronized Device start(int threads, DeviceChoice choice, int turn) {
    return usesCuda(threads, choice) ? device(turn % torch.cuda_device_count()) : Device.CPU;
  }

  /**
   * The same, on one GPU.
   *
   * @param gpu number among those that this process sees
   */
  public static synchronized Device startOn(int threads, DeviceChoice choice, int gpu) {
    if (!usesCuda(threads, choice)) {
      return Device.CPU;
    }
    if (gpu >= torch.cuda_device_count()) {
      throw new NoCudaException(
          "GPU %d was given and this process sees %d: see CUDA_VISIBLE_DEVICES and the discovery script"
              .formatted(gpu, torch.cuda_device_count()));
    }
    return device(gpu);
  }

  private static boolean usesCuda(int threads, DeviceChoice choice) {
    if (!started) {
      hasCuda = choice != DeviceChoice.CPU && canUseCuda();
      if (choice == DeviceChoice.CUDA && !hasCuda) {
        throw noCuda();
      }
      load(hasCuda ? "-gpu" : "");
      selfTest(Device.CPU);
      started = true;
    }
    torch.set_num_threads(threads);
    boolean isThere = hasCuda && torch.cuda_device_count() > 0;
    if (choice == DeviceChoice.CUDA && !isThere) {
      throw noCuda();
    }
    return choice != DeviceChoice.CPU && isThere;
  }

  /**
   * Why {@link DeviceChoice#AUTO} is the processor here though this is a build for GPUs; what is
   * missing, empty if nothing is or if it is no such build.
   */
  public static synchronized List<String> missingForCuda() {
    CudaProbe probe = CudaProbe.ofThisMachine();
    return probe.hasBuild() ? missing(probe) : List.of();
  }

  private static List<String> missing(CudaProbe probe) {
    if (!probe.missing().isEmpty()) {
      return probe.missing();
    }
    if (started && !hasCuda) {
      return List.of(
          "libtorch's CUDA build in this process, which has begun with the one for the processor");
    }
    return hasCuda && torch.cuda_device_count() == 0
        ? List.of("a GPU that the driver shows (nvidia-smi, CUDA_VISIBLE_DEVICES)")
        : List.of();
  }

  private static boolean canUseCuda() {
    CudaProbe probe = CudaProbe.ofThisMachine();
    return probe.hasBuild() && probe.missing().isEmpty();
  }

  private static NoCudaException noCuda() {
    return new NoCudaException(
        "this machine lacks " + String.join("; ", missing(CudaProbe.ofThisMachine())));
  }

  private static Device device(int gpu) {
    Device device = Device.cuda(gpu);
    try {
      selfTest(device);
      // Else long sums of bfloat16 products are split, and their parts rounded to bfloat16.
      torch.globalContext().setAllowBF16ReductionCuBLAS(false);
    } catch (RuntimeException e) {
      throw new NoCudaException(
          "GPU %d cannot compute: %s"
              .formatted(gpu, e.getMessage().lines().findFirst().orElse("")));
    }
    return device;
  }

  private static void load(String extension) {
    try {
      unpack("org/bytedeco/pytorch/" + Loader.getPlatform() + extension + "/");
      Loader.loadProperties().setProperty("platform.extension", "");
      Loader.load(org.bytedeco.openblas.global.openblas.class);
      openblas_nolapack.blas_set_num_threads(1);
      Loader.loadProperties().setProperty("platform.extension", extension);
      Loader.load(torch.class);
    } catch (IOException | UnsatisfiedLinkError e) {
      throw new IllegalStateException(
          "libtorch cannot be loaded on %s: %s. Moraine ships it for linux-x86_64 (glibc)."
              .formatted(Loader.getPlatform() + extension, e.getMessage()),
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

  private static void selfTest(Device device) {
    try (Tensor ones = torch.ones(new long[] {3, 3}, device.options(torch.ScalarType.Float));
        Tensor product = torch.matmul(ones, ones);
        Tensor sum = product.sum()) {
      if (sum.item_float() != 27) {
        throw new IllegalStateException(
            "libtorch computes wrongly on %s: the self-test's sum must be 27, got %s"
                .formatted(device, sum.item_float()));
      }
    }
  }
}
