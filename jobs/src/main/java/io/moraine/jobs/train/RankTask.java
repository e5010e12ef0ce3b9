package io.moraine.jobs.train;

import io.moraine.bigdl.BigDlModule;
import io.moraine.jobs.batch.DeviceBatches;
import io.moraine.jobs.batch.Handoff;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.checkpoint.CorruptDataException;
import io.moraine.model.collective.Communicator;
import io.moraine.model.data.BatchReader;
import io.moraine.model.data.TokenSource;
import io.moraine.model.moe.ExpertExchange;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.NoCudaException;
import io.moraine.model.tensor.Torch;
import io.moraine.model.train.TrainResult;
import io.moraine.model.train.TrainableModel;
import io.moraine.model.train.Trainer;
import io.moraine.model.transformer.InitialWeights;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Transformer;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkFiles;
import org.apache.spark.resource.ResourceInformation;
import org.apache.spark.util.SerializableConfiguration;
import scala.collection.Iterator;
import scala.jdk.CollectionConverters;
import scala.runtime.AbstractFunction1;

/**
 * One rank: a task of the barrier stage. The barrier tells the ranks each other's addresses and
 * starts all of them together; data goes over their own connections.
 */
final class RankTask extends AbstractFunction1<Iterator<Object>, Iterator<TrainResult>>
    implements Serializable {

  /** Spark's usual name of the resource. */
  static final String GPU = "gpu";

  private static final long serialVersionUID = 1L;

  private final String dataJson;
  private final String run;
  private final String settingsJson;
  private final Attempt attempt;
  private final Limits.Left left;
  private final int threads;
  private final List<String> engineFiles;
  private final String application;
  private final byte[] secret;
  private final SerializableConfiguration hadoop;

  /**
   * What the driver tells every rank.
   *
   * @param dataJson as {@link RunData#rendered()}
   * @param settingsJson as {@link TrainSettings#rendered()}
   * @param left of the limits
   * @param threads of libtorch per rank
   * @param engineFiles names of the files that BigDL is in; empty with another engine
   * @param secret by which the ranks know each other
   */
  RankTask(
      String dataJson,
      String run,
      String settingsJson,
      Attempt attempt,
      Limits.Left left,
      int threads,
      List<String> engineFiles,
      String application,
      byte[] secret,
      SerializableConfiguration hadoop) {
    this.dataJson = dataJson;
    this.run = run;
    this.settingsJson = settingsJson;
    this.attempt = attempt;
    this.left = left;
    this.threads = threads;
    this.engineFiles = engineFiles;
    this.application = application;
    this.secret = secret;
    this.hadoop = hadoop;
  }

  @Override
  public Iterator<TrainResult> apply(Iterator<Object> input) {
    Limits limits = left.from(System.nanoTime());
    BarrierTaskContext context = BarrierTaskContext.get();
    TrainSettings settings = TrainSettings.recorded(settingsJson, "the run's settings");
    try (RankSequences sequences = sequences(settings, input)) {
      Device device = settings.engine().isBigDl() ? Device.CPU : device(settings, context);
      RankConnection connection = new RankConnection(context, settings, hadoop.value());
      String runId = application + "/" + attempt.number();
      try (Communicator communicator = connection.open(runId, secret, device)) {
        TrainResult result = trainOrTell(settings, communicator, device, limits, sequences);
        return CollectionConverters.IteratorHasAsScala(List.of(result).iterator()).asScala();
      }
    }
  }

  /** Before its connections are closed, the other ranks hear why it ends. */
  private TrainResult trainOrTell(
      TrainSettings settings,
      Communicator communicator,
      Device device,
      Limits limits,
      RankSequences sequences) {
    try {
      return train(settings, communicator, device, limits, sequences);
    } catch (RuntimeException | IOException e) {
      communicator.abort(e.toString());
      throw new RankFailedException(communicator.step(), e);
    } catch (Error e) {
      communicator.abort(e.toString());
      throw e;
    }
  }

  /**
   * Begins to read them, while the ranks find each other.
   *
   * @param tables of those to train on, if the settings want batches from there
   */
  private RankSequences sequences(TrainSettings settings, Iterator<Object> tables) {
    try {
      return RankSequences.begin(
          hadoop.value(),
          RunData.parse(dataJson, "the run's data"),
          settings.engine().hasDeviceBatches() ? Optional.of(tables) : Optional.empty());
    } catch (CorruptDataException e) {
      throw new UncheckedIOException(e);
    }
  }

  /**
   * Starts libtorch. Of several GPUs a rank takes the one that Spark gave its task; without such
   * resources, as in local mode, ranks take them in turn.
   */
  private Device device(TrainSettings settings, BarrierTaskContext context) {
    ResourceInformation given = context.resourcesJMap().get(GPU);
    DeviceChoice choice = settings.engine().device();
    try {
      if (given != null && choice != DeviceChoice.CPU) {
        return able(
            settings, Torch.startOn(threads, choice, Integer.parseInt(given.addresses()[0])));
      }
      // In local mode RAPIDS has the first GPU, and its tables are there.
      int turn = settings.engine().hasDeviceBatches() ? 0 : context.partitionId();
      return able(settings, Torch.start(threads, choice, turn));
    } catch (NoCudaException e) {
      throw new ConfigException(
          "train.engine.device = %s: %s."
              .formatted(choice.name().toLowerCase(Locale.ROOT), e.getMessage()),
          e);
    } catch (NumberFormatException e) {
      throw new ConfigException(
          "Spark's resource gpu must have numbers as addresses, got %s. See the discovery script."
              .formatted(Arrays.toString(given.addresses())),
          e);
    }
  }

  private static Device able(TrainSettings settings, Device device) {
    settings.model().precision().requireOn(device);
    return device;
  }

  /**
   * The rank's part, once the ranks are connected.
   *
   * @param limits of this attempt
   * @param sequences of the run
   */
  TrainResult train(
      TrainSettings settings,
      Communicator communicator,
      Device device,
      Limits limits,
      RankSequences sequences)
      throws IOException {
    Configuration conf = hadoop.value();
    RunData data = sequences.data();
    RunFolder folder = RunFolder.at(run);
    LeasedWriter writer =
        new LeasedWriter(conf, folder.root(), new org.apache.hadoop.fs.Path(attempt.desk()));
    boolean hasDocuments = settings.model().span() == ModelConfig.AttentionSpan.WITHIN_DOCUMENTS;
    try (TrainableModel model = model(settings, data, communicator, device);
        BatchReader train = sequences.trainedOn(device, hasDocuments);
        TokenSource heldOut = sequences.heldOut();
        RunRecorder recorder =
            new RunRecorder(
                writer,
                folder,
                attempt,
                limits,
                data,
                settings.train().steps(),
                samples(settings, communicator, folder, writer, model))) {
      if (model instanceof BigDlModule) {
        ModuleSlices.requireSame(conf, folder, model);
        if (communicator.rank() == 0) {
          ModuleSlices.record(writer, folder, model);
        }
      }
      RankNotices.of(settings, device, communicator).forEach(recorder::message);
      Trainer trainer =
          new Trainer(
              model,
              settings.train(),
              communicator,
              train,
              heldOut.sequences() > 0 ? Optional.of(heldOut) : Optional.empty(),
              new Checkpoints(new LeasedStorage(conf, folder, writer)),
              recorder,
              settings.digest(),
              System::nanoTime);
      TrainResult result = trainer.run(attempt.resume());
      if (train instanceof DeviceBatches there && communicator.rank() == 0) {
        recorder.lastMessage(line(there.handoff()));
      }
      return result;
    }
  }

  /** With its first weights, the same ones whoever computes it. */
  private TrainableModel model(
      TrainSettings settings, RunData data, Communicator communicator, Device device)
      throws IOException {
    if (settings.engine().isBigDl()) {
      List<Path> files = engineFiles.stream().map(name -> Path.of(SparkFiles.get(name))).toList();
      return BigDlModels.of(
          hadoop.value(), RunFolder.at(run), settings, data.sequenceLength(), files);
    }
    Optional<ExpertExchange> exchange =
        settings
            .experts()
            .map(
                transfer ->
                    new ExpertExchange(
                        communicator, settings.model().router().routedExperts(), transfer));
    TrainableModel model =
        new Transformer(settings.model(), settings.recompute(), exchange, device);
    InitialWeights.put(settings.model(), settings.train().seed(), model.parameters());
    return model;
  }

  /** On rank 0, if it has all experts, and in libtorch. */
  private Optional<TextSamples> samples(
      TrainSettings settings,
      Communicator communicator,
      RunFolder folder,
      LeasedWriter writer,
      TrainableModel model)
      throws IOException {
    return communicator.rank() == 0
            && settings.samples().areWanted()
            && settings.experts().isEmpty()
            && model instanceof Transformer transformer
        ? Optional.of(new TextSamples(folder, writer, settings.samples(), transformer))
        : Optional.empty();
  }

  private static String line(Handoff handoff) {
    return "batches read in the GPU's memory: %,d sequences of %,d tables, none made of rows; %,d with padding, for which %,d bytes were written anew there; %,d bytes of ids and lengths came to the host"
        .formatted(
            handoff.sequences(),
            handoff.tables(),
            handoff.masked(),
            handoff.rewrittenBytes(),
            handoff.hostBytes());
  }
}
