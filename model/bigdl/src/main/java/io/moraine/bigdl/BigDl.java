package io.moraine.bigdl;

import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.precision.Precision;
import io.moraine.model.train.TrainableModel;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelConfig.AttentionSpan;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.net.MalformedURLException;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.function.IntConsumer;
import java.util.function.Supplier;
import java.util.stream.Stream;

/**
 * BigDL in this JVM, beside any other Scala and Spark: in a class loader of its own. Nothing of it
 * is loaded before {@link #open}.
 *
 * <p>What is written against BigDL, a program with its modules for example, is put beside BigDL's
 * jars and named to {@link #load}: it cannot be linked outside.
 *
 * @cost once per process 2 to 3 s, most of them to unpack MKL (130 MB) into the temporary folder
 */
public final class BigDl {

  private static final String ENGINE = "com.intel.analytics.bigdl.utils.Engine";
  private static final String STARTER = "io.moraine.bigdl.module.Starter";
  private static final String MODULES = "io.moraine.bigdl.module.Modules";
  private static final String TRANSFORMERS = "io.moraine.bigdl.transformer.Transformers";
  private static final String DENSE_TRANSFORMERS = "io.moraine.bigdl.transformer.DenseTransformers";

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

  private void start(int threads) {
    IntConsumer starter = load(STARTER, IntConsumer.class);
    within(
        () -> {
          starter.accept(threads);
          return starter;
        });
  }

  /** log4j 1.2 inside looks for its classes by the thread's class loader, and so may others. */
  private <T> T within(Supplier<T> work) {
    Thread thread = Thread.currentThread();
    ClassLoader before = thread.getContextClassLoader();
    thread.setContextClassLoader(inside);
    try {
      return work.get();
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
    return within(
        () -> {
          try {
            return type.cast(inside.loadClass(name).getConstructor().newInstance());
          } catch (ReflectiveOperationException | LinkageError | ClassCastException e) {
            throw new IllegalStateException(
                "%s cannot be loaded as a %s beside BigDL: %s. Its jar must be on the class path that was opened."
                    .formatted(name, type.getSimpleName(), e),
                e);
          }
        });
  }

  /**
   * A module of somebody else's, as a model of tokens; it has been tried on a few of them.
   *
   * @throws io.moraine.model.checkpoint.CorruptDataException if a file is no module of BigDL's
   * @throws IllegalArgumentException if it cannot be made, or cannot be trained on tokens
   */
  @SuppressWarnings("unchecked")
  public BigDlModule module(ModuleRequest request) throws IOException {
    Function<ModuleRequest, BigDlModule> modules = load(MODULES, Function.class);
    try {
      return within(() -> modules.apply(request));
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  /**
   * The language model in BigDL's layers, weights zero; they lie where those of the model in
   * libtorch lie.
   *
   * @throws IllegalArgumentException if it is not {@link #requireSupported}
   */
  @SuppressWarnings("unchecked")
  public TrainableModel transformer(ModelConfig config) {
    requireSupported(config);
    Function<ModelConfig, TrainableModel> transformers = load(TRANSFORMERS, Function.class);
    return within(() -> transformers.apply(config));
  }

  /**
   * Whether {@link #transformer} has all that a model needs. Nothing is loaded for it.
   *
   * @throws IllegalArgumentException if the model has something that its layers lack
   */
  public static void requireSupported(ModelConfig config) {
    require(config.attention() instanceof LatentConfig, "attention.kind = latent");
    requireCommon(config);
  }

  /**
   * BigDL's own dense {@code Transformer} (its type {@code LanguageModel}) with an output head:
   * sinusoidal positions, attention of many heads, feed-forwards of two matrices with ReLU between
   * them, layer normalisation before each, no dropout. Matrices begin normal with the configured
   * standard deviation, norms and biases as BigDL makes them.
   *
   * @throws IllegalArgumentException if it is not {@link #requireDense}
   * @source Vaswani et al., Attention is all you need, 2017, arXiv:1706.03762, with pre-norm
   */
  @SuppressWarnings("unchecked")
  public BigDlModule denseTransformer(ModelConfig config, long seed) {
    requireDense(config);
    BiFunction<ModelConfig, Long, BigDlModule> transformers =
        load(DENSE_TRANSFORMERS, BiFunction.class);
    return within(() -> transformers.apply(config, seed));
  }

  /**
   * Whether {@link #denseTransformer} has all that a model needs. Nothing is loaded for it.
   *
   * @throws IllegalArgumentException if the model has something that BigDL's lacks
   */
  public static void requireDense(ModelConfig config) {
    require(config.moeLayers() == 0, "dense-layers = layers");
    boolean isPlain =
        config.attention() instanceof GroupedQueryConfig grouped
            && grouped.keyValueHeads() == grouped.heads()
            && grouped.heads() * grouped.headDim() == config.dim();
    require(
        isPlain,
        "attention.kind = grouped-query with as many key-value-heads as heads, and head-dim = dim / heads");
    requireCommon(config);
  }

  private static void requireCommon(ModelConfig config) {
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
}
