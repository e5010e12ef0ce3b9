package io.moraine.jobs.train;

import io.moraine.bigdl.BigDlModule;
import io.moraine.jobs.batch.ColumnarTables;
import io.moraine.jobs.batch.DeviceBatches;
import io.moraine.jobs.batch.DeviceTable;
import io.moraine.jobs.batch.ParquetTokenSource;
import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.prepare.Manifest;
import io.moraine.jobs.prepare.Manifest.Counts;
import io.moraine.jobs.prepare.PreparedDataset;
import io.moraine.model.checkpoint.Checkpoints;
import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.transport.Listener;
import io.moraine.model.collective.transport.Mesh;
import io.moraine.model.collective.transport.MeshConfig;
import io.moraine.model.collective.transport.UntrustedException;
import io.moraine.model.data.BatchReader;
import io.moraine.model.data.JoinedTokenSource;
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
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Optional;
import java.util.function.Function;
import java.util.function.ToLongFunction;
import org.apache.hadoop.conf.Configuration;
import org.apache.spark.BarrierTaskContext;
import org.apache.spark.SparkEnv;
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

  private final String data;
  private final String run;
  private final String settings;
  private final Start start;
  private final Limits.Left left;
  private final int threads;
  private final List<String> engineFiles;
  private final String runId;
  private final byte[] secret;
  private final SerializableConfiguration hadoop;

  /**
   * What the driver tells every rank.
   *
   * @param data as {@link RunData#rendered()}
   * @param settings as {@link TrainSettings#rendered()}
   * @param left of the limits
   * @param threads of libtorch per rank
   * @param engineFiles names of the files that BigDL is in; empty with another engine
   * @param secret by which the ranks know each other
   */
  RankTask(
      String data,
      String run,
      String settings,
      Start start,
      Limits.Left left,
      int threads,
      List<String> engineFiles,
      String runId,
      byte[] secret,
      SerializableConfiguration hadoop) {
    this.data = data;
    this.run = run;
    this.settings = settings;
    this.start = start;
    this.left = left;
    this.threads = threads;
    this.engineFiles = engineFiles;
    this.runId = runId;
    this.secret = secret;
    this.hadoop = hadoop;
  }

  @Override
  public Iterator<TrainResult> apply(Iterator<Object> input) {
    Limits limits = left.from(System.nanoTime());
    BarrierTaskContext context = BarrierTaskContext.get();
    TrainSettings parsed = TrainSettings.recorded(settings, "the run's settings");
    Device device = parsed.engine().isBigDl() ? Device.CPU : device(parsed, context);
    try (Communicator communicator = connect(context, parsed, device)) {
      try {
        TrainResult result = train(parsed, communicator, device, limits, input);
        return CollectionConverters.IteratorHasAsScala(List.of(result).iterator()).asScala();
      } catch (RuntimeException | IOException e) {
        communicator.abort(e.toString());
        throw new RankFailedException(communicator.step(), e);
      } catch (Error e) {
        communicator.abort(e.toString());
        throw e;
      }
    }
  }

  /**
   * Starts libtorch. Of several GPUs a rank takes the one that Spark gave its task; without such
   * resources, as in local mode, ranks take them in turn.
   */
  private Device device(TrainSettings parsed, BarrierTaskContext context) {
    ResourceInformation given = context.resourcesJMap().get(GPU);
    DeviceChoice choice = parsed.engine().device();
    try {
      if (given != null && choice != DeviceChoice.CPU) {
        return able(parsed, Torch.startOn(threads, choice, Integer.parseInt(given.addresses()[0])));
      }
      // In local mode RAPIDS has the first GPU, and its tables are there.
      int turn = parsed.engine().hasDeviceBatches() ? 0 : context.partitionId();
      return able(parsed, Torch.start(threads, choice, turn));
    } catch (NoCudaException e) {
      throw new ConfigException("train.engine.device = cuda: %s.".formatted(e.getMessage()), e);
    } catch (NumberFormatException e) {
      throw new ConfigException(
          "Spark's resource gpu must have numbers as addresses, got %s. See the discovery script."
              .formatted(Arrays.toString(given.addresses())),
          e);
    }
  }

  private static Device able(TrainSettings parsed, Device device) {
    parsed.model().precision().requireOn(device);
    return device;
  }

  /** Where it computes, if that is not what was to be expected. */
  private static Optional<String> about(TrainSettings parsed, Device device) {
    if (device.isCuda()) {
      return Optional.of("computes on " + device);
    }
    List<String> missing =
        parsed.engine().isBigDl() || parsed.engine().device() == DeviceChoice.CPU
            ? List.of()
            : Torch.missingForCuda();
    return missing.isEmpty()
        ? Optional.empty()
        : Optional.of(
            "train.engine.device = auto: computes on the processor, since this machine lacks "
                + String.join("; ", missing));
  }

  private Communicator connect(BarrierTaskContext context, TrainSettings parsed, Device device) {
    int rank = context.partitionId();
    String[] hosts =
        Arrays.stream(context.getTaskInfos())
            .map(info -> info.address().replaceFirst(":\\d+$", ""))
            .toArray(String[]::new);
    MeshConfig config =
        new MeshConfig(
            rank,
            hosts.length,
            runId + "/" + start.attempt(),
            secret,
            parsed.connections().silence(),
            parsed.connections().compute(),
            context::isInterrupted);
    if (parsed.connections().hasTls()) {
      config = config.withTls(new ClusterStores(SparkEnv.get().conf(), hadoop.value()).open());
    }
    try (Listener listener = listen(parsed, hosts[rank])) {
      List<String> places = new ArrayList<>();
      List<String> addresses = new ArrayList<>();
      String own = "%s@%s".formatted(device, SparkEnv.get().executorId());
      for (String said : context.allGather(own + " " + listener.address())) {
        places.add(said.substring(0, said.indexOf(' ')));
        addresses.add(said.substring(said.indexOf(' ') + 1));
      }
      requireAlike(places);
      if (parsed.experts().isPresent()) {
        requireApart(places);
      }
      return new Communicator(
          Mesh.connect(config, listener, addresses), parsed.connections().hierarchy());
    } catch (UntrustedException e) {
      throw new ConfigException(
          "train.wire.tls: %s See spark.ssl.keyStore and spark.ssl.trustStore."
              .formatted(e.getMessage()),
          e);
    }
  }

  /**
   * A rank on the processor would hold all others up.
   *
   * @param places of all ranks: device, at, executor
   */
  static void requireAlike(List<String> places) {
    List<String> kinds = places.stream().map(place -> place.replaceFirst("[:@].*", "")).toList();
    if (kinds.stream().distinct().count() > 1) {
      throw new ConfigException(
          "train.engine.device: ranks would compute on different kinds of device: %s. Mend the machines that lack a GPU or its libraries, or say cpu."
              .formatted(String.join(", ", kinds)));
    }
  }

  /**
   * libtorch goes backward through all of a process's models on one GPU by one thread: a rank's
   * would wait there for another rank's experts, whose turn never comes.
   *
   * @param places of all ranks: device, at, executor
   */
  static void requireApart(List<String> places) {
    for (int rank = 0; rank < places.size(); rank++) {
      int first = places.indexOf(places.get(rank));
      if (first < rank && places.get(rank).startsWith("cuda")) {
        throw new ConfigException(
            "train.experts.placement = owners: ranks %d and %d are on one GPU (%s) in one process, where libtorch has one thread for the backward passes of both, and each would wait for the other. Give every rank a GPU or an executor of its own, or say train.experts.placement = replicated."
                .formatted(first, rank, places.get(rank).replaceFirst("@.*", "")));
      }
    }
  }

  private static Listener listen(TrainSettings parsed, String host) {
    return parsed.connections().hasUnixSockets()
        ? Listener.withUnixSocket(host)
        : Listener.open(host);
  }

  /**
   * The rank's part, once the ranks are connected.
   *
   * @param limits of this attempt
   * @param tables of the sequences that it sees, if the settings want batches from there
   */
  TrainResult train(
      TrainSettings parsed,
      Communicator communicator,
      Device device,
      Limits limits,
      Iterator<Object> tables)
      throws IOException {
    Configuration conf = hadoop.value();
    RunFolder folder = RunFolder.at(run);
    LeasedWriter writer =
        new LeasedWriter(conf, folder.root(), new org.apache.hadoop.fs.Path(start.desk()));
    Path scratch = Files.createTempDirectory("moraine-sequences-");
    Optional<ExpertExchange> exchange =
        parsed
            .experts()
            .map(
                transfer ->
                    new ExpertExchange(
                        communicator, parsed.model().router().routedExperts(), transfer));
    try (TrainableModel model = model(parsed, exchange, device);
        BatchReader train =
            parsed.engine().hasDeviceBatches()
                ? deviceBatches(parsed, device, tables)
                : open(conf, scratch, PreparedDataset::sequences, Counts::sequences);
        TokenSource heldOut =
            open(conf, scratch, PreparedDataset::heldOut, Counts::heldOutSequences);
        RunRecorder recorder =
            new RunRecorder(
                writer,
                folder,
                start,
                limits,
                data,
                parsed.train().steps(),
                samples(parsed, communicator, folder, writer, model))) {
      if (model instanceof BigDlModule) {
        ModuleSlices.requireSame(conf, folder, model);
        if (communicator.rank() == 0) {
          ModuleSlices.record(writer, folder, model);
        }
      }
      if (parsed.samples().areWanted() && exchange.isPresent()) {
        recorder.message(
            "no samples are written: with train.experts.placement = owners no rank has all experts");
      }
      if (parsed.samples().areWanted() && parsed.engine().isBigDl()) {
        recorder.message("no samples are written: the BigDL engine does not generate");
      }
      if (parsed.engine().bigDl().kind() == TrainSettings.BigDlChoice.Kind.TRANSFORMER) {
        recorder.message(
            "BigDL's Transformer has positions and norms of its own: model.rotary and model.norm-epsilon have no effect");
      }
      about(parsed, device).ifPresent(recorder::message);
      communicator.whyFlat().ifPresent(why -> recorder.message("train.wire.hierarchy: " + why));
      Trainer trainer =
          new Trainer(
              model,
              parsed.train(),
              communicator,
              train,
              heldOut.sequences() > 0 ? Optional.of(heldOut) : Optional.empty(),
              new Checkpoints(new LeasedStorage(conf, folder, writer)),
              recorder,
              parsed.digest(),
              System::nanoTime);
      TrainResult result = trainer.run(start.resume());
      if (train instanceof DeviceBatches there && communicator.rank() == 0) {
        recorder.lastMessage(
            "batches read in the GPU's memory: %,d sequences of %,d tables, none made of rows; %,d with padding"
                .formatted(
                    there.handoff().sequences(),
                    there.handoff().tables(),
                    there.handoff().masked()));
      }
      return result;
    } finally {
      Files.deleteIfExists(scratch);
    }
  }

  /** The sequences of RAPIDS's tables, which come in the order that the trainer asks for. */
  private BatchReader deviceBatches(TrainSettings parsed, Device device, Iterator<Object> tables)
      throws IOException {
    if (!device.isCuda()) {
      throw new ConfigException(
          "train.engine.batches = device needs a GPU, and this rank computes on the processor: this machine lacks %s."
              .formatted(String.join("; ", Torch.missingForCuda())));
    }
    RunData runData = RunData.parse(data, "the run's data");
    ColumnarTables.Adapter adapter = ColumnarTables.adapter();
    return new DeviceBatches(
        CollectionConverters.IteratorHasAsJava(tables.map(adapted(adapter))).asJava(),
        runData.sequences(),
        runData.sequenceLength(),
        device,
        parsed.model().span() == ModelConfig.AttentionSpan.WITHIN_DOCUMENTS);
  }

  private static AbstractFunction1<Object, DeviceTable> adapted(ColumnarTables.Adapter adapter) {
    return new AbstractFunction1<>() {
      @Override
      public DeviceTable apply(Object table) {
        return adapter.of(table);
      }
    };
  }

  /** With its first weights, the same ones whoever computes it. */
  private TrainableModel model(
      TrainSettings parsed, Optional<ExpertExchange> exchange, Device device) throws IOException {
    if (parsed.engine().isBigDl()) {
      List<Path> files = engineFiles.stream().map(name -> Path.of(SparkFiles.get(name))).toList();
      int length = RunData.parse(data, "the run's data").sequenceLength();
      return BigDlModels.of(hadoop.value(), RunFolder.at(run), parsed, length, files);
    }
    TrainableModel model = new Transformer(parsed.model(), parsed.recompute(), exchange, device);
    InitialWeights.put(parsed.model(), parsed.train().seed(), model.parameters());
    return model;
  }

  /** On rank 0, if it has all experts, and in libtorch. */
  private Optional<TextSamples> samples(
      TrainSettings parsed,
      Communicator communicator,
      RunFolder folder,
      LeasedWriter writer,
      TrainableModel model)
      throws IOException {
    return communicator.rank() == 0
            && parsed.samples().areWanted()
            && parsed.experts().isEmpty()
            && model instanceof Transformer transformer
        ? Optional.of(new TextSamples(folder, writer, parsed.samples(), transformer))
        : Optional.empty();
  }

  /** The sequences of all datasets, in order. */
  private TokenSource open(
      Configuration conf,
      Path scratch,
      Function<PreparedDataset, String> folder,
      ToLongFunction<Counts> count)
      throws IOException {
    List<TokenSource> sources = new ArrayList<>();
    for (RunData.Entry given : RunData.parse(data, "the run's data").datasets()) {
      PreparedDataset dataset = PreparedDataset.at(given.path());
      Manifest manifest = dataset.manifest(conf);
      sources.add(
          ParquetTokenSource.open(
              conf,
              folder.apply(dataset),
              count.applyAsLong(manifest.counts()),
              manifest.sequenceLength(),
              scratch));
    }
    return new JoinedTokenSource(sources);
  }
}
