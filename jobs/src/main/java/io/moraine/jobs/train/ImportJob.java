package io.moraine.jobs.train;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.ModelSettings;
import io.moraine.jobs.config.SettingsFile;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.HeldLeases;
import io.moraine.jobs.progress.Progress;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.huggingface.ModelImport;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.InitialCheckpoint;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerException;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;

/** Another program's model as a run at step 0; needs no Spark. */
public final class ImportJob {

  private static final String TOKENIZER = "tokenizer.json";

  private ImportJob() {}

  /**
   * What was imported.
   *
   * @param model what it is
   * @param leftOut tensors of the files that are not of the model
   * @param absentModules of multi-token prediction that the configuration speaks of and the files
   *     have not
   */
  public record Imported(ModelConfig model, List<String> leftOut, int absentModules) {}

  /**
   * Makes the run, whole or not at all. Ranks send each other its weights in float32, so that they
   * stay what they were.
   *
   * @param input a folder of Hugging Face's or of the published DeepSeek code, or one file of the
   *     latter
   * @param tokenizer where the folder has none
   * @param config how the model is trained further, over the defaults
   * @param progress is told if the run's lease cannot be given back
   * @throws FileNotFoundException if {@code input} or {@code tokenizer} is not there
   * @throws ConfigException if there is a run already, no tokenizer, or one of more ids than the
   *     model has
   * @throws io.moraine.jobs.lease.TryLaterException if another process makes that run
   */
  public static Imported run(
      Configuration hadoop,
      String input,
      RunFolder run,
      Optional<String> tokenizer,
      Optional<java.nio.file.Path> config,
      Progress progress)
      throws IOException {
    return HeldLeases.during(
        hadoop, progress, leases -> write(leases, input, run, tokenizer, config));
  }

  private static Imported write(
      HeldLeases leases,
      String input,
      RunFolder run,
      Optional<String> tokenizer,
      Optional<java.nio.file.Path> config)
      throws IOException {
    Configuration hadoop = leases.hadoop();
    ModelFolder folder = ModelFolder.begin(leases, "--run", run.root().toString(), "");
    try {
      ModelImport stored = look(hadoop, new Path(input));
      String tokenizerJson = tokenizer(hadoop, input, tokenizer, stored.config());
      TrainSettings settings = settings(stored.config(), config);
      folder.write(run.tokenizer().getName(), tokenizerJson);
      folder.write(run.settings().getName(), settings.rendered() + "\n");
      Torch.start(Runtime.getRuntime().availableProcessors());
      try (Transformer model = new Transformer(stored.config())) {
        stored.load(model);
        InitialCheckpoint.write(
            new Checkpoints(folder.storage()), model, settings.train().adam(), settings.digest());
      }
      folder.publish();
      return new Imported(stored.config(), stored.leftOut(), stored.absentModules());
    } finally {
      folder.discard();
    }
  }

  private static ModelImport look(Configuration hadoop, Path input) throws IOException {
    FileSystem files = input.getFileSystem(hadoop);
    if (!files.exists(input)) {
      throw new FileNotFoundException("--input %s is not there.".formatted(input));
    }
    if (files.getFileStatus(input).isFile()) {
      Path qualified = files.makeQualified(input);
      return ModelImport.ofFile(
          new HadoopStorage(hadoop, qualified.getParent()), qualified.getName());
    }
    return ModelImport.ofFolder(new HadoopStorage(hadoop, input), input.toString());
  }

  /** The tokenizer's file as it is, read once to know that it can be. */
  private static String tokenizer(
      Configuration hadoop, String input, Optional<String> given, ModelConfig model)
      throws IOException {
    Path file = given.map(Path::new).orElse(new Path(input, TOKENIZER));
    FileSystem files = file.getFileSystem(hadoop);
    if (given.isEmpty() && (files.getFileStatus(new Path(input)).isFile() || !files.exists(file))) {
      throw new ConfigException(
          "%s has no %s: name one with --tokenizer FILE.".formatted(input, TOKENIZER));
    }
    String json;
    try (InputStream in = files.open(file)) {
      json = new String(in.readAllBytes(), StandardCharsets.UTF_8);
    } catch (FileNotFoundException e) {
      throw new FileNotFoundException("--tokenizer %s: there is no such file.".formatted(file));
    }
    Tokenizer tokenizer;
    try {
      tokenizer = TokenizerJson.read(json);
    } catch (TokenizerException e) {
      throw new TokenizerException("%s: %s".formatted(file, e.getMessage()));
    }
    if (tokenizer.vocabularySize() > model.vocabularySize()) {
      throw new ConfigException(
          "%s has %,d ids, the model only %,d: it is of another model."
              .formatted(file, tokenizer.vocabularySize(), model.vocabularySize()));
    }
    return json;
  }

  private static TrainSettings settings(ModelConfig model, Optional<java.nio.file.Path> config) {
    Map<String, Object> options = new TreeMap<>(ModelSettings.of(model));
    // Weights of losses in training, which no stored model has.
    options.remove("model.experts.sequence-balance-alpha");
    options.remove("model.prediction.loss-weight");
    options.put("train.wire.weights", "fp32");
    TrainSettings settings =
        TrainSettings.of(SettingsFile.read(TrainSettings.DEFAULTS, config, options));
    if (settings.configuredModel().isEmpty()) {
      throw new ConfigException(
          "--config asks for a model of BigDL's, and what is imported is Hugging Face's: leave train.engine.bigdl.model out.");
    }
    return settings;
  }
}
