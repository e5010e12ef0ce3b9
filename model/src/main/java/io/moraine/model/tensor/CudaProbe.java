package io.moraine.model.tensor;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Predicate;
import java.util.stream.Stream;
import org.bytedeco.javacpp.ClassProperties;
import org.bytedeco.javacpp.Loader;

/**
 * What libtorch's CUDA build needs and whether this machine has it, told without loading a library:
 * that build aborts the process where something is missing, and so does its presence beside the
 * other one.
 *
 * @param root folder that stands for {@code /}
 * @param folders in which the system's linker looks, besides those of {@code LD_LIBRARY_PATH}
 * @param onClassPath whether a resource is there
 */
record CudaProbe(Path root, List<Path> folders, Predicate<String> onClassPath) {

  /** As Maven names libtorch's CUDA build, on the only platform that it is published for here. */
  private static final String PLATFORM = "linux-x86_64-gpu";

  private static final String BUILD = "/org/bytedeco/pytorch/" + PLATFORM + "/libtorch_cuda.so";

  /** Where {@code org.bytedeco:cuda} with the classifier of its redistributables has them. */
  private static final String REDISTRIBUTED = "/org/bytedeco/cuda/linux-x86_64/";

  /**
   * Libraries that {@code libtorch_cuda.so} and {@code libtorch_cpu.so} of that build name, in the
   * loader's words: name and version.
   */
  private static final List<String> LIBRARIES =
      List.of(
          "cudart@.13",
          "cublas@.13",
          "cublasLt@.13",
          "cudnn@.9",
          "cufft@.12",
          "curand@.10",
          "cusparse@.12",
          "cusolver@.12",
          "cufile@.0",
          "cupti@.13",
          "nvrtc@.13",
          "nccl@.2");

  private static final List<String> USUAL_FOLDERS =
      List.of(
          "usr/lib/x86_64-linux-gnu",
          "lib/x86_64-linux-gnu",
          "usr/lib64",
          "lib64",
          "usr/lib",
          "usr/lib/wsl/lib",
          "usr/local/nvidia/lib64",
          "usr/local/cuda/lib64",
          "usr/local/cuda/extras/CUPTI/lib64");

  /** This machine. */
  static CudaProbe ofThisMachine() {
    return of(Path.of("/"), resource -> CudaProbe.class.getResource(resource) != null);
  }

  /** A machine with the usual folders and those that its linker is configured with. */
  static CudaProbe of(Path root, Predicate<String> onClassPath) {
    List<Path> folders = new ArrayList<>();
    USUAL_FOLDERS.forEach(folder -> folders.add(root.resolve(folder)));
    folders.addAll(configured(root));
    return new CudaProbe(root, List.copyOf(folders), onClassPath);
  }

  /** Whether libtorch's CUDA build is on the class path. */
  boolean hasBuild() {
    return onClassPath.test(BUILD);
  }

  /** What is missing, each as a part of a sentence; empty if a GPU can be used. */
  List<String> missing() {
    List<String> missing = new ArrayList<>();
    if (!hasBuild()) {
      missing.add(
          "libtorch's CUDA build (org.bytedeco:pytorch, %s; mvn -Pgpu)".formatted(PLATFORM));
    }
    if (!Files.exists(root.resolve("dev/nvidiactl")) && !Files.exists(root.resolve("dev/dxg"))) {
      missing.add("an NVIDIA GPU with its driver (/dev/nvidiactl)");
    }
    List<String> libraries = new ArrayList<>(List.of("cuda@.1"));
    libraries.addAll(LIBRARIES);
    libraries.removeIf(this::isFound);
    if (!libraries.isEmpty()) {
      missing.add(String.join(", ", libraries.stream().map(library -> fileName(library)).toList()));
    }
    return missing;
  }

  /** Where the loader would take it from: it is asked itself, and loads nothing. */
  private boolean isFound(String library) {
    if (onClassPath.test(REDISTRIBUTED + fileName(library))) {
      return true;
    }
    ClassProperties properties = new ClassProperties(Loader.loadProperties());
    properties.addAll("platform.preloadpath", folders.stream().map(Path::toString).toList());
    return Loader.findLibrary(CudaProbe.class, properties, library, true).length > 0;
  }

  private static String fileName(String library) {
    return "lib" + library.replace("@", ".so");
  }

  /** Folders in {@code /etc/ld.so.conf.d}; a file that cannot be read names none. */
  private static List<Path> configured(Path root) {
    List<Path> folders = new ArrayList<>();
    try (Stream<Path> files = Files.list(root.resolve("etc/ld.so.conf.d"))) {
      for (Path file : files.filter(path -> path.toString().endsWith(".conf")).sorted().toList()) {
        if (Files.isReadable(file)) {
          Files.readAllLines(file, StandardCharsets.ISO_8859_1).stream()
              .map(String::strip)
              .filter(line -> line.startsWith("/"))
              .forEach(line -> folders.add(root.resolve(line.substring(1))));
        }
      }
    } catch (IOException e) {
      return folders; // what the linker cannot be asked for is not there
    }
    return folders;
  }
}
