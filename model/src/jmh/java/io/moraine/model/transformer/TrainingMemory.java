package io.moraine.model.transformer;

import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.Torch;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Optional;
import java.util.SplittableRandom;

/**
 * Memory of a forward and backward pass of conf/models/small.conf's model, beside weights and
 * gradients: the process's largest resident size against that before. Linux.
 *
 * <p>Arguments: none or layers, sequences of 512 tokens, steps; with more steps the resident size
 * and the used heap every hundred of them.
 */
public final class TrainingMemory {

  private static final int REPORTED = 100;

  private TrainingMemory() {}

  public static void main(String[] args) throws IOException {
    Recompute recompute = Recompute.valueOf(args[0].toUpperCase(Locale.ROOT));
    int sequences = Integer.parseInt(args[1]);
    int steps = Integer.parseInt(args[2]);
    Torch.start(1);
    try (Transformer model =
        new Transformer(SmallModels.experts(), recompute, Optional.empty(), Device.CPU)) {
      InitialWeights.put(model.config(), 1, model.parameters());
      SplittableRandom random = new SplittableRandom(1);
      // Whatever is set up at first use, and the pages of all gradients.
      model.forwardBackward(batch(random, 1, 16), 1);
      long before = kibibytes("VmRSS");
      long start = System.nanoTime();
      for (int step = 1; step <= steps; step++) {
        model.forwardBackward(batch(random, sequences, SmallModels.LENGTH), 1);
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
      long tokens = (long) sequences * SmallModels.LENGTH;
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
    int[] tokens =
        random.ints((long) sequences * (length + 1), 0, SmallModels.VOCABULARY).toArray();
    return new TokenBatch(sequences, length, tokens);
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
