package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.Storage;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Listener;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.data.TokenSource;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Torch;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelCost;
import io.moraine.model.transformer.SmallModels;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptions;
import org.bytedeco.pytorch.global.torch;

/**
 * Whole training steps of conf/models/small.conf and of a dense model that costs as much per token,
 * against libtorch's own product of matrices of 1024 x 1024, with as many threads in the same run.
 *
 * <p>Arguments: ranks (threads of this process), threads of libtorch in each, steps, rounds,
 * precision, and which of experts,dense. In each round the product is timed, then steps of each
 * model; a row per model, medians over rounds.
 */
public final class TrainingSpeed {

  private static final int SEQUENCES_PER_STEP = 16;
  private static final int MICRO_BATCH = 4;
  private static final int MATRIX = 1024;
  private static final int PRODUCTS = 60;

  /** Steps before the ones that count: first use, and the compilation of loops over weights. */
  private static final int WARM_UP = 2;

  private final int ranks;
  private final int steps;
  private final ExecutorService pool;

  private TrainingSpeed(int ranks, int steps) {
    this.ranks = ranks;
    this.steps = steps;
    this.pool = Executors.newFixedThreadPool(ranks);
  }

  public static void main(String[] args) throws Exception {
    int ranks = Integer.parseInt(args[0]);
    int threads = Integer.parseInt(args[1]);
    int rounds = Integer.parseInt(args[3]);
    Precision precision = Precision.valueOf(args[4].toUpperCase(Locale.ROOT));
    Torch.start(threads);
    TrainingSpeed speed = new TrainingSpeed(ranks, Integer.parseInt(args[2]));
    List<Measured> measured =
        Arrays.stream(args[5].split(",", -1))
            .map(name -> new Measured(name, model(name).with(precision), new ArrayList<>()))
            .toList();
    List<Double> products = new ArrayList<>();
    for (int round = 0; round < rounds; round++) {
      for (Measured model : measured) {
        products.add(speed.productFlops());
        model.rates.add(speed.tokensPerSecond(model.config));
      }
    }
    speed.pool.shutdown();
    System.out.printf(
        Locale.ROOT,
        "ranks %d, libtorch threads %d, %s; sgemm of %d x %d: %.1f GFLOP/s%n",
        ranks,
        threads,
        args[4],
        MATRIX,
        MATRIX,
        median(products) / 1e9);
    measured.forEach(model -> System.out.println(model.row(median(products))));
    System.out.printf(
        Locale.ROOT,
        "time per FLOP, first against last: %.3f%n",
        measured.get(measured.size() - 1).flopsPerSecond() / measured.get(0).flopsPerSecond());
  }

  private static ModelConfig model(String name) {
    return switch (name) {
      case "experts" -> SmallModels.experts();
      case "dense" -> SmallModels.dense();
      default -> throw new IllegalArgumentException("experts or dense, got " + name);
    };
  }

  /**
   * A model's rates.
   *
   * @param rates tokens per second by round
   */
  private record Measured(String name, ModelConfig config, List<Double> rates) {

    double flopsPerSecond() {
      return median(rates) * new ModelCost(config).trainingFlops(SmallModels.LENGTH);
    }

    String row(double product) {
      return String.format(
          Locale.ROOT,
          "%-8s %.2f M parameters, %.2f M active, %.2f MFLOP per token: %,.0f tokens/s, %.1f GFLOP/s, %.1f %% of sgemm",
          name,
          config.parameters() / 1e6,
          config.activeParameters() / 1e6,
          new ModelCost(config).trainingFlops(SmallModels.LENGTH) / 1e6,
          median(rates),
          flopsPerSecond() / 1e9,
          100 * flopsPerSecond() / product);
    }
  }

  private double productFlops() throws Exception {
    double seconds = 0;
    for (double rank : onAllRanks(rank -> secondsOfProducts())) {
      seconds = Math.max(seconds, rank);
    }
    return 2.0 * MATRIX * MATRIX * MATRIX * PRODUCTS * ranks / seconds;
  }

  private static double secondsOfProducts() {
    try (PointerScope scope = new PointerScope()) {
      TensorOptions floats = new TensorOptions(torch.ScalarType.Float);
      Tensor left = torch.rand(new long[] {MATRIX, MATRIX}, floats);
      Tensor right = torch.rand(new long[] {MATRIX, MATRIX}, floats);
      Tensor result = torch.matmul(left, right);
      long start = System.nanoTime();
      for (int i = 0; i < PRODUCTS; i++) {
        torch.matmul_out(result, left, right);
      }
      return (System.nanoTime() - start) / 1e9;
    }
  }

  private double tokensPerSecond(ModelConfig config) throws Exception {
    List<Listener> listeners = new ArrayList<>();
    for (int rank = 0; rank < ranks; rank++) {
      listeners.add(Listener.open("127.0.0.1"));
    }
    List<String> addresses = listeners.stream().map(Listener::address).toList();
    return onAllRanks(
            rank -> {
              MeshConfig mesh =
                  new MeshConfig(
                      rank,
                      ranks,
                      "speed",
                      new byte[16],
                      Duration.ofMinutes(1),
                      Duration.ofMinutes(1),
                      () -> false);
              return train(config, Mesh.connect(mesh, listeners.get(rank), addresses));
            })
        .get(0);
  }

  private double train(ModelConfig config, Mesh mesh) throws IOException {
    Stopwatch stopwatch = new Stopwatch();
    try (Transformer model = new Transformer(config);
        Communicator communicator = new Communicator(mesh)) {
      InitialWeights.put(model.config(), 1, model.parameters());
      new Trainer(
              model,
              settings(),
              communicator,
              new RandomTokens(),
              Optional.empty(),
              new Checkpoints(new Nowhere()),
              stopwatch,
              "",
              System::nanoTime)
          .run(false);
    }
    return stopwatch.seconds.isEmpty()
        ? 0
        : SEQUENCES_PER_STEP * SmallModels.LENGTH / median(stopwatch.seconds);
  }

  private TrainConfig settings() {
    int all = WARM_UP + steps;
    return new TrainConfig(
        1,
        all,
        TrainConfig.Batch.constant(SEQUENCES_PER_STEP, MICRO_BATCH),
        LearningRateSchedule.cosine(1e-3, 1e-4, 100),
        new AdamW.Config(0.9, 0.95, 1e-8, 0.1),
        1.0,
        new TrainConfig.Balance(0.003, 1),
        new TrainConfig.Wire(GradientCodec.of("int8"), TrainConfig.Weights.BF16),
        new TrainConfig.Every(all, 1, all, 0, 0));
  }

  /** Work of a rank. */
  private interface Work {
    double of(int rank) throws IOException;
  }

  private List<Double> onAllRanks(Work work) throws InterruptedException, ExecutionException {
    List<Callable<Double>> tasks = new ArrayList<>();
    for (int i = 0; i < ranks; i++) {
      int rank = i;
      tasks.add(() -> work.of(rank));
    }
    List<Double> results = new ArrayList<>();
    for (Future<Double> future : pool.invokeAll(tasks)) {
      results.add(future.get());
    }
    return results;
  }

  private static double median(List<Double> values) {
    List<Double> sorted = values.stream().sorted().toList();
    return (sorted.get((sorted.size() - 1) / 2) + sorted.get(sorted.size() / 2)) / 2;
  }

  /** Sequences of equally likely tokens. */
  private record RandomTokens() implements TokenSource {

    @Override
    public long sequences() {
      return 1 << 20;
    }

    @Override
    public int length() {
      return SmallModels.LENGTH;
    }

    @Override
    public void read(long sequence, int[] dst, int dstOffset) {
      SplittableRandom random = new SplittableRandom(sequence);
      for (int i = 0; i <= SmallModels.LENGTH; i++) {
        dst[dstOffset + i] = random.nextInt(SmallModels.VOCABULARY);
      }
    }

    @Override
    public void close() {}
  }

  /** Seconds of the steps behind the first ones; checkpoints are not part of a step. */
  private static final class Stopwatch implements TrainObserver {

    private final List<Double> seconds = new ArrayList<>();

    @Override
    public void started(long step) {}

    @Override
    public void message(String text) {}

    @Override
    public void stepped(StepMetrics metrics) {
      if (metrics.step() > WARM_UP) {
        seconds.add(metrics.seconds());
      }
    }

    @Override
    public void evaluated(long step, double loss) {}

    @Override
    public void checkpointing(long step) {}

    @Override
    public void checkpointed(long step) {}
  }

  /** Keeps nothing. */
  private static final class Nowhere implements Storage {

    @Override
    public List<String> list(String folder) {
      return List.of();
    }

    @Override
    public boolean exists(String file) {
      return false;
    }

    @Override
    public InputStream open(String file) throws IOException {
      throw new IOException(file + " was not kept");
    }

    @Override
    public void write(String file, Content content) throws IOException {
      content.writeTo(OutputStream.nullOutputStream());
    }

    @Override
    public void rename(String folder, String name) {}

    @Override
    public void deleteFolder(String folder) {}
  }
}
