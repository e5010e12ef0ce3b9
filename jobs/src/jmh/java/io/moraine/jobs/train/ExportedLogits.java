package io.moraine.jobs.train;

import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.checkpoint.LocalStorage;
import io.moraine.model.checkpoint.SafetensorsWriter;
import io.moraine.model.checkpoint.TensorEntry;
import io.moraine.model.checkpoint.TensorType;
import io.moraine.model.huggingface.ModelExport;
import io.moraine.model.huggingface.ModelImport;
import io.moraine.model.precision.Precision;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.Torch;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;
import java.util.SplittableRandom;

/**
 * A model of fresh weights, exported in bfloat16, and what it computes in bfloat16 of the weights
 * that were exported: for {@code .ci/gpu-logits.py}, which lets transformers compute the same.
 *
 * <p>Arguments: a settings file, cpu or cuda, a folder that is not there yet, sequences, tokens of
 * a sequence. Beside the model the folder gets {@code expected.safetensors}: {@code input_ids}
 * (sequences, tokens) and {@code logits} (sequences, tokens, vocabulary).
 */
public final class ExportedLogits {

  private ExportedLogits() {}

  /** Writes the folder. */
  public static void main(String[] args) throws IOException {
    Optional<Path> file = Optional.of(Path.of(args[0]));
    DeviceChoice choice = DeviceChoice.valueOf(args[1].toUpperCase(Locale.ROOT));
    LocalStorage folder = new LocalStorage(Files.createDirectories(Path.of(args[2])));
    int sequences = Integer.parseInt(args[3]);
    int length = Integer.parseInt(args[4]);
    ModelConfig config =
        TrainSettings.of(SettingsFile.read(TrainSettings.DEFAULTS, file, Map.of())).model();
    Device device = Torch.start(Runtime.getRuntime().availableProcessors(), choice, 0);
    export(config, device, folder);
    ModelImport exported = ModelImport.ofFolder(folder, args[2]);
    SplittableRandom random = new SplittableRandom(1);
    int[] tokens = random.ints((long) sequences * length, 0, config.vocabularySize()).toArray();
    try (Transformer model = new Transformer(exported.config().with(Precision.BF16), device)) {
      exported.load(model);
      float[] logits = model.logits(tokens, sequences);
      long[] shape = {sequences, length, config.vocabularySize()};
      write(folder, shape, Arrays.stream(tokens).asLongStream().toArray(), logits);
    }
    System.out.println("written: " + folder.root());
  }

  private static void export(ModelConfig config, Device device, LocalStorage folder)
      throws IOException {
    try (Transformer model = new Transformer(config, device)) {
      InitialWeights.put(config, 1, model.parameters());
      ModelExport.write(
          model,
          new ModelExport.Settings(TensorType.BF16, ModelExport.SHARD_BYTES, OptionalInt.empty()),
          folder);
    }
  }

  private static void write(LocalStorage folder, long[] shape, long[] ids, float[] logits)
      throws IOException {
    TensorEntry ofIds = new TensorEntry("input_ids", TensorType.I64, List.of(shape[0], shape[1]));
    TensorEntry ofLogits =
        new TensorEntry("logits", TensorType.F32, List.of(shape[0], shape[1], shape[2]));
    folder.write(
        "expected.safetensors",
        out ->
            SafetensorsWriter.write(
                out, Map.of(), List.of(ofIds, ofLogits), e -> e.equals(ofIds) ? ids : logits));
  }
}
