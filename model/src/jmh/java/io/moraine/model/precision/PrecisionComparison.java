package io.moraine.model.precision;

import io.moraine.model.attention.LatentConfig;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.ExpertBalance;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Trains one small model on the characters of a text, in one precision: same weights, batches and
 * schedule for the same seed, so that runs differ by precision alone. Prints the training loss, the
 * held-out loss and the time.
 *
 * <p>Arguments: text file, precision, seed, steps.
 */
public final class PrecisionComparison {

  private static final int SEQUENCES = 8;
  private static final int LENGTH = 128;
  private static final int HELD_OUT_BATCHES = 20;
  private static final int PRINTED_EVERY = 50;
  private static final double GAMMA = 0.01;

  private final int[] text;
  private final int trained;
  private final Transformer model;
  private final AdamW adam;
  private final LearningRateSchedule schedule;
  private final float[] weights;
  private final float[] gradients;
  private final SplittableRandom random;

  private PrecisionComparison(int[] text, Precision precision, long seed, int steps) {
    this.text = text;
    this.trained = text.length * 9 / 10;
    this.model = new Transformer(config(Arrays.stream(text).max().orElseThrow() + 1, precision));
    this.model.initialize(seed);
    FlatBuffer parameters = model.parameters();
    this.weights = new float[Math.toIntExact(parameters.length())];
    this.gradients = new float[weights.length];
    parameters.get(0, weights, 0, weights.length);
    boolean[] decays = new boolean[weights.length];
    for (Slice slice : parameters.slices()) {
      int from = Math.toIntExact(slice.offsetElements());
      boolean matrix = slice.shape().size() > 1;
      Arrays.fill(decays, from, from + Math.toIntExact(slice.length()), matrix);
    }
    this.adam = new AdamW(new AdamW.Config(0.9, 0.95, 1e-8, 0.1), decays);
    this.schedule = LearningRateSchedule.cosine(1e-3, 1e-4, steps / 10);
    this.random = new SplittableRandom(seed);
  }

  private static ModelConfig config(int vocabulary, Precision precision) {
    return new ModelConfig(
            vocabulary,
            256,
            4,
            1,
            768,
            LENGTH,
            1e-6,
            0.02,
            new LatentConfig(4, 160, 160, 48, 16, 48),
            RotaryConfig.deepSeek(10000, LENGTH, 40, 32, 1, 1),
            new ModelConfig.ExpertsConfig(1, 192),
            new RouterConfig(8, 2, 1, 1, RouterConfig.Score.SIGMOID, 1, true, 1e-4),
            false)
        .with(precision);
  }

  /** Runs one training. */
  public static void main(String[] args) throws IOException {
    Torch.start(1);
    Precision precision = Precision.valueOf(args[1].toUpperCase(Locale.ROOT));
    long seed = Long.parseLong(args[2]);
    int steps = Integer.parseInt(args[3]);
    int[] text = characters(Files.readString(Path.of(args[0])));
    new PrecisionComparison(text, precision, seed, steps).run(precision + " seed " + seed, steps);
  }

  /** Characters by their rank among those that occur. */
  private static int[] characters(String text) {
    int[] alphabet = text.chars().distinct().sorted().toArray();
    return text.chars().map(c -> Arrays.binarySearch(alphabet, c)).toArray();
  }

  private void run(String name, int steps) {
    long start = System.nanoTime();
    double sum = 0;
    double last = 0;
    for (int step = 1; step <= steps; step++) {
      double loss = step(step, steps);
      sum += loss;
      last += step > steps - 100 ? loss : 0;
      if (step % PRINTED_EVERY == 0) {
        System.out.printf("%s step %d loss %.4f%n", name, step, sum / PRINTED_EVERY);
        sum = 0;
      }
    }
    double seconds = (System.nanoTime() - start) / 1e9;
    System.out.printf(
        "%s: %,d parameters, %,d active; training loss of the last 100 steps %.5f, held out %.5f,"
            + " %.0f tokens/s%n",
        name,
        model.config().parameters(),
        model.config().activeParameters(),
        last / 100,
        heldOut(),
        (double) steps * SEQUENCES * LENGTH / seconds);
  }

  private double step(int step, int steps) {
    model.zeroGradients();
    double loss = model.forwardBackward(batch(random, 0, trained), 1);
    model.gradients().get(0, gradients, 0, gradients.length);
    double squares = 0;
    for (float gradient : gradients) {
      squares += (double) gradient * gradient;
    }
    double clip = Math.min(1, 1 / Math.sqrt(squares));
    adam.update(step, schedule.at(step, s -> (double) s / steps), weights, gradients, clip);
    model.parameters().put(0, weights, 0, weights.length);
    ExpertBalance balance = model.expertBalance().orElseThrow();
    balance.updateBias(balance.takeLoad(), (float) GAMMA);
    return loss;
  }

  private double heldOut() {
    SplittableRandom places = new SplittableRandom(0);
    double sum = 0;
    for (int i = 0; i < HELD_OUT_BATCHES; i++) {
      sum += model.loss(batch(places, trained, text.length));
    }
    return sum / HELD_OUT_BATCHES;
  }

  private TokenBatch batch(SplittableRandom places, int from, int to) {
    int[] tokens = new int[SEQUENCES * (LENGTH + 1)];
    for (int i = 0; i < SEQUENCES; i++) {
      int start = places.nextInt(from, to - LENGTH);
      System.arraycopy(text, start, tokens, i * (LENGTH + 1), LENGTH + 1);
    }
    return new TokenBatch(SEQUENCES, LENGTH, tokens);
  }
}
