package io.moraine.jobs.train;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.Torch;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelCost;
import io.moraine.model.transformer.Transformer;
import java.nio.file.Path;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.SplittableRandom;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Forward and backward of a model on a device, against a product of matrices there in the same run.
 *
 * <p>Arguments: a settings file, cpu or cuda, a precision, sequences of a batch, tokens of a
 * sequence, rounds. One line: tokens per second, FLOP/s by the model's own count (6 per active
 * weight, and causal attention), and what share of the product's that is. Medians of {@link
 * DeviceClock}.
 */
public final class DeviceSpeed {

  private DeviceSpeed() {}

  /** Measures. */
  public static void main(String[] args) throws Exception {
    Optional<Path> file = Optional.of(Path.of(args[0]));
    DeviceChoice choice = DeviceChoice.valueOf(args[1].toUpperCase(Locale.ROOT));
    Precision precision = Precision.valueOf(args[2].toUpperCase(Locale.ROOT));
    int sequences = Integer.parseInt(args[3]);
    int length = Integer.parseInt(args[4]);
    int rounds = Integer.parseInt(args[5]);
    ModelConfig config =
        TrainSettings.of(SettingsFile.read(TrainSettings.DEFAULTS, file, Map.of()))
            .model()
            .with(precision);
    Device device = Torch.start(Runtime.getRuntime().availableProcessors(), choice, 0);
    double product = productFlops(device, rounds);
    SplittableRandom random = new SplittableRandom(1);
    int[] tokens =
        random.ints((long) sequences * (length + 1), 0, config.vocabularySize()).toArray();
    TokenBatch batch = new TokenBatch(sequences, length, tokens);
    try (Transformer model = new Transformer(config, device)) {
      InitialWeights.put(model.config(), 1, model.parameters());
      double seconds = DeviceClock.seconds(device, rounds, () -> model.forwardBackward(batch, 1));
      double rate = sequences * (double) length / seconds;
      double flops = rate * new ModelCost(config).trainingFlops(length);
      System.out.printf(
          Locale.ROOT,
          "%s, %s, %s, %d x %d tokens: %,.0f tokens/s forward and backward, %.1f TFLOP/s, %.1f %% of a product's %.1f in bfloat16%n",
          Path.of(args[0]).getFileName(),
          device,
          args[2],
          sequences,
          length,
          rate,
          flops / 1e12,
          100 * flops / product,
          product / 1e12);
    }
  }

  /** Of square matrices of bfloat16, as large as make a device busy. */
  private static double productFlops(Device device, int rounds) {
    int size = device.isCuda() ? 8192 : 1024;
    try (PointerScope scope = new PointerScope()) {
      long[] shape = {size, size};
      Tensor a = torch.randn(shape, device.options(torch.ScalarType.BFloat16));
      Tensor b = torch.randn(shape, device.options(torch.ScalarType.BFloat16));
      double seconds =
          DeviceClock.seconds(
              device,
              rounds,
              () -> {
                for (int i = 0; i < 10; i++) {
                  a.matmul(b).close();
                }
              });
      return 10 * 2.0 * size * size * size / seconds;
    }
  }
}
