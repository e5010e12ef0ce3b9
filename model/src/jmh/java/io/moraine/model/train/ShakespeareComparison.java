package io.moraine.model.train;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.LocalStorage;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.data.TokenSource;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryScaling;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Torch;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Characters of Shakespeare in nanoGPT's setting for a CPU: a mixture of experts with latent
 * attention against a dense model of as many active parameters, the same experts without a
 * selection bias, and in other precisions.
 *
 * <p>Arguments: the text, steps, threads of libtorch, gamma, which of moe,dense,unbiased, each
 * alone or with a precision (moe-fp8), then seeds; prints a row per run: parameters, active ones,
 * loss of the last 100 steps, loss on all of the held-out text, tokens/s, how uneven loads are
 * ({@link Loads#violations()}) and memory ({@link Loads#memory()}).
 */
public final class ShakespeareComparison {

  private static final int CONTEXT = 64;
  private static final int BATCH = 12;
  private static final int EVALUATED_AT_ONCE = 64;

  /** Steps that a load is measured over. */
  private static final int WINDOW = 50;

  private static final int MEASURED_AT = 200;

  /** After these, loads have to be even. */
  private static final int SETTLED = 250;

  private static final int SETTLED_ON_AVERAGE = 300;

  /** Steps that the training loss is the mean of. */
  private static final int LAST = 100;

  private final int[] training;
  private final int[] heldOut;
  private final int vocabulary;
  private final int steps;
  private final double gamma;

  private ShakespeareComparison(String text, int steps, double gamma) {
    int[] alphabet = text.chars().distinct().sorted().toArray();
    int[] ids = text.chars().map(c -> Arrays.binarySearch(alphabet, c)).toArray();
    int cut = (int) (ids.length * 0.9);
    this.training = Arrays.copyOfRange(ids, 0, cut);
    this.heldOut = Arrays.copyOfRange(ids, cut, ids.length);
    this.vocabulary = alphabet.length;
    this.steps = steps;
    this.gamma = gamma;
  }

  public static void main(String[] args) throws IOException {
    String text = Files.readString(Path.of(args[0]), StandardCharsets.US_ASCII);
    ShakespeareComparison comparison =
        new ShakespeareComparison(text, Integer.parseInt(args[1]), Double.parseDouble(args[3]));
    Torch.start(Integer.parseInt(args[2]));
    for (int i = 5; i < args.length; i++) {
      for (String kind : args[4].split(",", -1)) {
        comparison.run(kind, comparison.model(kind), Long.parseLong(args[i]));
      }
    }
  }

  private ModelConfig model(String name) {
    String[] parts = name.split("-", 2);
    Precision precision =
        parts.length == 1
            ? Precision.FLOAT32
            : Precision.valueOf(parts[1].toUpperCase(Locale.ROOT));
    return kind(parts[0]).with(precision);
  }

  private ModelConfig kind(String kind) {
    return switch (kind) {
      case "moe" -> moe(true);
      case "unbiased" -> moe(false);
      case "dense" -> dense();
      default -> throw new IllegalArgumentException("moe, dense or unbiased, got " + kind);
    };
  }

  private ModelConfig moe(boolean hasSelectionBias) {
    return model(
        1,
        new LatentConfig(4, 0, 64, 32, 16, 32),
        RotaryConfig.Layout.INTERLEAVED,
        new ModelConfig.ExpertsConfig(1, 128),
        new RouterConfig(
            8,
            2,
            1,
            1,
            RouterConfig.Score.SIGMOID,
            1,
            hasSelectionBias,
            hasSelectionBias ? 1e-4 : 0));
  }

  private ModelConfig dense() {
    return model(
        4,
        new GroupedQueryConfig(4, 4, 32),
        RotaryConfig.Layout.HALVES,
        ModelConfig.ExpertsConfig.none(),
        RouterConfig.none());
  }

  private ModelConfig model(
      int denseLayers,
      AttentionConfig attention,
      RotaryConfig.Layout layout,
      ModelConfig.ExpertsConfig experts,
      RouterConfig router) {
    return new ModelConfig(
        vocabulary,
        128,
        4,
        denseLayers,
        384,
        CONTEXT,
        1e-6,
        0.02,
        attention,
        new RotaryConfig(10000, layout, new RotaryScaling.None()),
        experts,
        router,
        false);
  }

  private void run(String name, ModelConfig config, long seed) throws IOException {
    Path folder = Files.createTempDirectory("shakespeare-");
    MeshConfig alone =
        new MeshConfig(
            0, 1, name, new byte[16], Duration.ofMinutes(1), Duration.ofMinutes(1), () -> false);
    Loads loads = new Loads(steps);
    try (Transformer model = new Transformer(config);
        Communicator communicator = new Communicator(Mesh.alone(alone))) {
      InitialWeights.put(model.config(), seed, model.parameters());
      Trainer trainer =
          new Trainer(
              model,
              settings(seed),
              communicator,
              new Windows(training, 1),
              Optional.empty(),
              new Checkpoints(new LocalStorage(folder)),
              loads,
              "",
              System::nanoTime);
      trainer.run(false);
      System.out.printf(
          Locale.ROOT,
          "| %s | %d | %.2f M | %.2f M | %.4f | %.4f | %,.0f | %s | %s |%n",
          name,
          seed,
          config.parameters() / 1e6,
          config.activeParameters() / 1e6,
          loads.lastLoss(),
          heldOutLoss(model),
          loads.tokensPerSecond(),
          loads.violations(),
          loads.memory());
    }
  }

  private TrainConfig settings(long seed) {
    return new TrainConfig(
        seed,
        steps,
        TrainConfig.Batch.constant(BATCH, BATCH),
        LearningRateSchedule.cosine(1e-3, 1e-4, 100),
        new AdamW.Config(0.9, 0.99, 1e-8, 0.1),
        1.0,
        new TrainConfig.Balance(gamma, 1),
        new TrainConfig.Wire(GradientCodec.of("fp32"), TrainConfig.Weights.FP32),
        new TrainConfig.Every(steps, 1, steps, 0, 0));
  }

  /**
   * Mean over all characters of the held-out text but the first and a rest shorter than a window.
   */
  private double heldOutLoss(Transformer model) {
    TokenSource windows = new Windows(heldOut, CONTEXT);
    double sum = 0;
    long count = 0;
    for (long from = 0; from < windows.sequences(); from += EVALUATED_AT_ONCE) {
      int sequences = (int) Math.min(EVALUATED_AT_ONCE, windows.sequences() - from);
      int[] tokens = new int[sequences * (CONTEXT + 1)];
      for (int i = 0; i < sequences; i++) {
        windows.read(from + i, tokens, i * (CONTEXT + 1));
      }
      for (float loss : model.tokenLosses(new TokenBatch(sequences, CONTEXT, tokens))) {
        sum += loss;
        count++;
      }
    }
    return sum / count;
  }

  /**
   * Windows of a text.
   *
   * @param stride characters from one's beginning to the next one's
   */
  private record Windows(int[] ids, int stride) implements TokenSource {

    @Override
    public long sequences() {
      return ((long) ids.length - CONTEXT - 1) / stride + 1;
    }

    @Override
    public int length() {
      return CONTEXT;
    }

    @Override
    public void read(long sequence, int[] dst, int dstOffset) {
      System.arraycopy(ids, Math.toIntExact(sequence * stride), dst, dstOffset, CONTEXT + 1);
    }

    @Override
    public void close() {}
  }

  /** Speed, and how uneven the experts' loads are. */
  private static final class Loads implements TrainObserver {

    private final List<StepMetrics> steps = new ArrayList<>();
    private final List<String> memory = new ArrayList<>();
    private final int last;

    Loads(int last) {
      this.last = last;
    }

    /** Resident size and used heap, MiB, after the 200th step and after the last one. */
    String memory() {
      return String.join(", ", memory);
    }

    /** Mean training loss of the last 100 steps. */
    double lastLoss() {
      return steps.subList(Math.max(0, steps.size() - LAST), steps.size()).stream()
          .mapToDouble(StepMetrics::loss)
          .average()
          .orElseThrow();
    }

    double tokensPerSecond() {
      return steps.stream().mapToDouble(StepMetrics::tokens).sum()
          / steps.stream().mapToDouble(StepMetrics::seconds).sum();
    }

    /**
     * Columns: MaxVio of the worst layer in single steps after the 250th, mean and largest; that of
     * loads summed over windows of 50 steps, largest; and, from step 301 on, of all loads summed.
     */
    String violations() {
      if (steps.get(0).experts() == 0) {
        return "- | - | - | -";
      }
      List<StepMetrics> settled = steps.subList(Math.min(SETTLED, steps.size() - 1), steps.size());
      double mean = settled.stream().mapToDouble(StepMetrics::maxViolation).average().orElseThrow();
      double single = settled.stream().mapToDouble(StepMetrics::maxViolation).max().orElseThrow();
      double windows = 0;
      for (int from = 0; from + WINDOW <= settled.size(); from += WINDOW) {
        windows = Math.max(windows, summed(settled.subList(from, from + WINDOW)).maxViolation());
      }
      double all =
          summed(steps.subList(Math.min(SETTLED_ON_AVERAGE, steps.size() - 1), steps.size()))
              .maxViolation();
      return String.format(Locale.ROOT, "%.3f | %.3f | %.3f | %.3f", mean, single, windows, all);
    }

    private static StepMetrics summed(List<StepMetrics> window) {
      long[] load = new long[window.get(0).expertLoad().length];
      for (StepMetrics step : window) {
        for (int i = 0; i < load.length; i++) {
          load[i] += step.expertLoad()[i];
        }
      }
      return new StepMetrics(0, 0, 0, 0, 0, 0, 0, 0, load, window.get(0).experts(), 0, 0);
    }

    @Override
    public void started(long step) {}

    @Override
    public void message(String text) {}

    @Override
    public void stepped(StepMetrics metrics) throws IOException {
      steps.add(metrics);
      if (metrics.step() == MEASURED_AT || metrics.step() == last) {
        Runtime runtime = Runtime.getRuntime();
        runtime.gc();
        long heap = (runtime.totalMemory() - runtime.freeMemory()) >> 20;
        memory.add("%d and %d".formatted(residentKibibytes() >> 10, heap));
      }
    }

    private static long residentKibibytes() throws IOException {
      for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
        if (line.startsWith("VmRSS:")) {
          return Long.parseLong(line.replaceAll("\\D", ""));
        }
      }
      throw new IOException("/proc/self/status has no VmRSS");
    }

    @Override
    public void evaluated(long step, double loss) {}

    @Override
    public void checkpointing(long step) {}

    @Override
    public void checkpointed(long step) {}
  }
}
