package io.moraine.bigdl;

import io.moraine.model.attention.LatentConfig;
import io.moraine.model.precision.Precision;
import io.moraine.model.train.TrainableModel;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelConfig.AttentionSpan;
import java.io.IOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.stream.Stream;

/**
 * BigDL in this JVM, beside any other Scala and Spark: in a class loader of its own. Nothing of it
 * is loaded before {@link #open}.
 *
 * <p>What is written against BigDL, a program with its modules for example, is put beside BigDL's
 * jars and named to {@link #load}: it cannot be linked outside.
 *
 * @cost once per process 2 to 6 s, most of them to unpack MKL (130 MB) into the temporary folder
 */
public final class BigDl {

  private static final String ENGINE = "com.intel.analytics.bigdl.utils.Engine";
  private static final String STARTER = "io.moraine.bigdl.module.Starter";
  private static final String TRANSFORMERS = "io.moraine.bigdl.transformer.Transformers";

  /** MKL is loaded once per class loader: again for each would fill the memory with it. */
  private static final Map<List<Path>, BigDl> OPENED = new HashMap<>();

  private final ClassLoader inside;

  private BigDl(ClassLoader inside) {
    this.inside = inside;
  }

  /**
   * Loads and starts BigDL; the same again for the same class path.
   *
   * @param classPath jars and folders of classes: BigDL, what it runs on, and what uses it
   * @param threads of MKL in one operation; at least 1; of the process, as the last call has it
   * @throws IllegalStateException if BigDL is not there or cannot compute here
   */
  public static BigDl open(List<Path> classPath, int threads) {
    synchronized (OPENED) {
      BigDl bigDl = OPENED.computeIfAbsent(List.copyOf(classPath), BigDl::of);
      bigDl.start(threads);
      return bigDl;
    }
  }

  /** log4j 1.2 inside looks for its classes by the thread's class loader. */
  private void start(int threads) {
    IntConsumer starter = load(STARTER, IntConsumer.class);
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(inside);
    try {
      starter.accept(threads);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /** All jars of a folder, in the order of their names. */
  public static List<Path> jars(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(file -> file.toString().endsWith(".jar")).sorted().toList();
    }
  }

  private static BigDl of(List<Path> classPath) {
    List<URL> urls = new ArrayList<>();
    urls.add(BigDl.class.getProtectionDomain().getCodeSource().getLocation());
    classPath.forEach(entry -> urls.add(url(entry)));
    ClassLoader inside =
        new BigDlClassLoader(urls.toArray(URL[]::new), BigDl.class.getClassLoader());
    try {
      inside.loadClass(ENGINE);
    } catch (ClassNotFoundException e) {
      throw new IllegalStateException(
          "BigDL is not among %s. A build puts its jars into model/bigdl/target/jars."
              .formatted(classPath),
          e);
    }
    return new BigDl(inside);
  }

  private static URL url(Path entry) {
    try {
      return entry.toUri().toURL();
    } catch (MalformedURLException e) {
      throw new IllegalArgumentException("%s is no place of classes".formatted(entry), e);
    }
  }

  /**
   * An object of a class on the inside.
   *
   * @param name of a public class with a public constructor without parameters
   * @param type which it has inside and outside: of the Java platform, {@code io.moraine.model} or
   *     this package
   * @throws IllegalStateException if there is no such class, or it is of no such type
   */
  public <T> T load(String name, Class<T> type) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(inside);
    try {
      return type.cast(inside.loadClass(name).getConstructor().newInstance());
    } catch (ReflectiveOperationException | LinkageError | ClassCastException e) {
      throw new IllegalStateException(
          "%s cannot be loaded as a %s beside BigDL: %s. Its jar must be on the class path that was opened."
              .formatted(name, type.getSimpleName(), e),
          e);
    } finally {
      thread.setContextClassLoader(before);
    }
  }

  /**
   * The language model in BigDL's layers, weights zero; they lie where those of the model in
   * libtorch lie.
   *
   * @throws IllegalArgumentException if it is not {@link #requireSupported}
   */
  public TrainableModel transformer(ModelConfig config) {
    requireSupported(config);
    return transformers().apply(config);
  }

  /**
   * Whether {@link #transformer} has all that a model needs. Nothing is loaded for it.
   *
   * @throws IllegalArgumentException if the model has something that its layers lack
   */
  public static void requireSupported(ModelConfig config) {
    require(config.attention() instanceof LatentConfig, "attention.kind = latent");
    require(config.prediction().depth() == 0, "prediction.depth = 0");
    require(config.precision() == Precision.FLOAT32, "precision = float32");
    require(config.span() == AttentionSpan.ACROSS_DOCUMENTS, "attention-span = across-documents");
  }

  private static void require(boolean is, String setting) {
    if (!is) {
      throw new IllegalArgumentException(
          "the BigDL engine needs model.%s: its layers have nothing else. Change it, or train with the torch engine"
              .formatted(setting));
    }
  }

  @SuppressWarnings("unchecked")
  private Function<ModelConfig, TrainableModel> transformers() {
    return load(TRANSFORMERS, Function.class);
  }
}
