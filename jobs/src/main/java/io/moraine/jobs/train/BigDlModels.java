package io.moraine.jobs.train;

import io.moraine.bigdl.BigDl;
import io.moraine.bigdl.BigDlModule;
import io.moraine.bigdl.ModuleRequest;
import io.moraine.bigdl.ModuleSource;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.EngineSettings.BigDlChoice;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.train.TrainableModel;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.apache.hadoop.conf.Configuration;

/** The model of a run that BigDL computes. */
final class BigDlModels {

  private BigDlModels() {}

  /**
   * With its first weights, the same ones for all who ask.
   *
   * @param sequenceLength L, of the run's data
   * @param classPath BigDL's
   * @throws ConfigException if BigDL cannot compute here, or not this model
   * @throws io.moraine.model.checkpoint.CorruptDataException if the run's module is none
   */
  static TrainableModel of(
      Configuration hadoop,
      RunFolder run,
      TrainSettings settings,
      int sequenceLength,
      List<Path> classPath)
      throws IOException {
    BigDlChoice choice = settings.engine().bigDl();
    BigDl bigDl = open(settings, classPath);
    try {
      return switch (choice.kind()) {
        case CONFIGURED -> configured(bigDl, settings);
        case TRANSFORMER -> bigDl.denseTransformer(settings.model(), settings.train().seed());
        case FILE ->
            module(
                bigDl,
                new ModuleSource.Saved(
                    run.module().toString(),
                    () -> run.module().getFileSystem(hadoop).open(run.module()),
                    choice.criterion(),
                    choice.rows()),
                vocabularySize(hadoop, run),
                sequenceLength,
                settings);
        case CLASS ->
            module(
                bigDl,
                new ModuleSource.Made(choice.factory()),
                vocabularySize(hadoop, run),
                sequenceLength,
                settings);
      };
    } catch (IllegalArgumentException e) {
      throw new ConfigException("train.engine.bigdl: %s.".formatted(e.getMessage()), e);
    }
  }

  private static BigDl open(TrainSettings settings, List<Path> classPath) {
    try {
      return BigDl.open(classPath, settings.engine().mklThreads());
    } catch (IllegalStateException e) {
      throw new ConfigException("train.engine.name = bigdl: " + e.getMessage(), e);
    }
  }

  private static TrainableModel configured(BigDl bigDl, TrainSettings settings) {
    TrainableModel model = bigDl.transformer(settings.model());
    InitialWeights.put(settings.model(), settings.train().seed(), model.parameters());
    return model;
  }

  private static BigDlModule module(
      BigDl bigDl,
      ModuleSource source,
      int vocabularySize,
      int sequenceLength,
      TrainSettings settings)
      throws IOException {
    return bigDl.module(
        new ModuleRequest(source, vocabularySize, sequenceLength, settings.train().seed()));
  }

  private static int vocabularySize(Configuration hadoop, RunFolder run) throws IOException {
    return TokenizerJson.read(run.read(hadoop, run.tokenizer())).vocabularySize();
  }
}
