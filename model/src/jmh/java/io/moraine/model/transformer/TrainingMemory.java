package io.moraine.model.transformer;

import io.moraine.model.attention.LatentConfig;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryScaling;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.SplittableRandom;

/**
 * Memory of a forward and backward pass of conf/models/small.conf's model, beside weights and
 * gradients: the process's largest resident size against that before. Linux.
 *
 * <p>Arguments: none or layers, sequences of 512 tokens, steps; with more steps the resident size
 * and the used heap every hundred of them.
 */
public final class TrainingMemory {

  private static final int LENGTH = 512;
  private static final int VOCABULARY = 8192;
  private static final int REPORTED = 100;

  private TrainingMemory() {}

  public static void main(String[] args) throws IOException {
    Recompute recompute = Recompute.valueOf(args[0].toUpperCase(Locale.ROOT));
    int sequences = Integer.parseInt(args[1]);
    int steps = Integer.parseInt(args[2]);
    Torch.start(1);
    try (Transformer model = new Transformer(small(), recompute)) {
      model.initialize(1);
      SplittableRandom random = new SplittableRandom(1);
      // Whatever is set up at first use, and the pages of all gradients.
      model.forwardBackward(batch(random, 1, 16), 1);
      long before = kibibytes("VmRSS");
      long start = System.nanoTime();
      for (int step = 1; step <= steps; step++) {
        model.forwardBackward(batch(random, sequences, LENGTH), 1);
        if (step % REPORTED == 0) {
          System.out.printf(
              Locale.ROOT,
              "step %d: resident %,d KiB, heap %,d KiB%n",
              step,
              kibibytes("VmRSS"),
              heapKibibytes());
        }
      }
      double seconds = (System.nanoTime() - start) / 1e9;
      long tokens = (long) sequences * LENGTH;
      System.out.printf(
          Locale.ROOT,
          "recompute %s: %,d tokens a pass, peak %,.0f bytes per token, %,.0f tokens/s%n",
          args[0],
          tokens,
          1024.0 * (kibibytes("VmHWM") - before) / tokens,
          tokens * steps / seconds);
    }
  }

  private static TokenBatch batch(SplittableRandom random, int sequences, int length) {
    int[] tokens = random.ints((long) sequences * (length + 1), 0, VOCABULARY).toArray();
    return new TokenBatch(sequences, length, tokens);
  }

  private static ModelConfig small() {
    return new ModelConfig(
        VOCABULARY,
        256,
        6,
        1,
        1024,
        LENGTH,
        1e-6,
        0.02,
        new LatentConfig(4, 128, 96, 48, 16, 48),
        new RotaryConfig(10000, RotaryConfig.Layout.INTERLEAVED, new RotaryScaling.None()),
        new ModelConfig.ExpertsConfig(1, 320),
        new RouterConfig(16, 2, 1, 1, RouterConfig.Score.SIGMOID, 1, true, 1e-4),
        true);
  }

  private static long heapKibibytes() {
    Runtime runtime = Runtime.getRuntime();
    runtime.gc();
    return (runtime.totalMemory() - runtime.freeMemory()) / 1024;
  }

  private static long kibibytes(String field) throws IOException {
    for (String line : Files.readAllLines(Path.of("/proc/self/status"))) {
      if (line.startsWith(field + ":")) {
        return Long.parseLong(line.replaceAll("\\D", ""));
      }
    }
    throw new IOException("/proc/self/status has no " + field);
  }
}
