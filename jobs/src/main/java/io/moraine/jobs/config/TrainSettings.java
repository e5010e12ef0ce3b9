package io.moraine.jobs.config;

import io.moraine.bigdl.BigDl;
import io.moraine.bigdl.ModuleSource;
import io.moraine.model.collective.Hierarchy;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.moe.ExpertTransfer;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;
import io.moraine.model.reduction.ReductionConfig;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.train.TrainConfig;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Recompute;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Collectors;

/**
 * Settings of {@code train}; conf/models/demo.conf documents every one.
 *
 * @param model what is trained
 * @param train how it is trained
 * @param recompute what training computes twice to keep less
 * @param engine who computes the model
 * @param experts how tokens travel to experts on their owners; empty if all ranks have all experts
 * @param connections between ranks
 * @param samples of text while it trains
 * @param rendered the whole as JSON
 * @param digest of {@code rendered}
 */
public record TrainSettings(
    ModelConfig model,
    TrainConfig train,
    Recompute recompute,
    Engine engine,
    Optional<ExpertTransfer> experts,
    Connections connections,
    Samples samples,
    String rendered,
    String digest) {

  public TrainSettings {
    if (engine.hasDeviceBatches()
        && (experts.isPresent()
            || train.spikes().policy() == TrainConfig.Spikes.Policy.ROLL_BACK)) {
      throw new IllegalArgumentException(
          "train.engine.batches = device goes through the data once and forward: it needs train.spikes.policy = skip or stop and train.experts.placement = replicated");
    }
    if (engine.isBigDl()) {
      requireBigDl(model, recompute, engine, experts);
    }
  }

  private static void requireBigDl(
      ModelConfig model, Recompute recompute, Engine engine, Optional<ExpertTransfer> experts) {
    switch (engine.bigDl().kind()) {
      case CONFIGURED -> BigDl.requireSupported(model);
      case TRANSFORMER -> BigDl.requireDense(model);
      case FILE, CLASS -> {}
    }
    if (engine.device() == DeviceChoice.CUDA) {
      throw new IllegalArgumentException(
          "the BigDL engine needs train.engine.device = cpu or auto, got cuda. Change it, or train with the torch engine");
    }
    if (recompute != Recompute.NONE || experts.isPresent()) {
      throw new IllegalArgumentException(
          "the BigDL engine needs train.recompute = none and train.experts.placement = replicated. Change them, or train with the torch engine");
    }
  }

  /** The section {@code model}, if that is what is trained and not a model that BigDL brings. */
  public Optional<ModelConfig> configuredModel() {
    return engine.bigDl().isConfigured() ? Optional.of(model) : Optional.empty();
  }

  /**
   * Who computes the model.
   *
   * @param name libtorch, or BigDL
   * @param mklThreads of BigDL's MKL on a rank; at least 1
   * @param device of libtorch's tensors
   * @param batches where batches are when the model gets them
   * @param bigDl which model BigDL computes
   */
  public record Engine(
      Name name, int mklThreads, DeviceChoice device, Batches batches, BigDlChoice bigDl) {

    /** Whose layers they are. */
    public enum Name {
      TORCH,
      BIGDL
    }

    /** Where batches come from. */
    public enum Batches {
      /** Host memory. */
      HOST,
      /** The GPU's, from RAPIDS's tables. */
      DEVICE
    }

    public Engine {
      if (batches == Batches.DEVICE && (name == Name.BIGDL || device == DeviceChoice.CPU)) {
        throw new IllegalArgumentException("batches = device needs name = torch and device = cuda");
      }
      if (mklThreads < 1) {
        throw new IllegalArgumentException(
            "mkl-threads must be at least 1, got %d".formatted(mklThreads));
      }
      if (name == Name.TORCH && !bigDl.isConfigured()) {
        throw new IllegalArgumentException(
            "bigdl.model = %s needs name = bigdl".formatted(Section.written(bigDl.kind())));
      }
    }

    /** Whether batches are read in the GPU's memory. */
    public boolean hasDeviceBatches() {
      return batches == Batches.DEVICE;
    }

    /** Whether it is BigDL. */
    public boolean isBigDl() {
      return name == Name.BIGDL;
    }
  }

  /**
   * Which model BigDL computes.
   *
   * @param kind whose it is
   * @param file that BigDL saved a module to; empty if the kind is another one
   * @param criterion of a file's module
   * @param rows what the rows of a file's module are of
   * @param factory name of a class that makes a module; empty if the kind is another one
   */
  public record BigDlChoice(
      Kind kind,
      String file,
      ModuleSource.Criterion criterion,
      ModuleSource.Rows rows,
      String factory) {

    /** Whose model it is. */
    public enum Kind {
      /** That of the section {@code model}, which libtorch computes too. */
      CONFIGURED,
      /** BigDL's own, of that section's sizes. */
      TRANSFORMER,
      /** A user's, in BigDL's format. */
      FILE,
      /** A user's, made by a class. */
      CLASS
    }

    public BigDlChoice {
      requireWith(Kind.FILE, kind, "file", file);
      requireWith(Kind.CLASS, kind, "class", factory);
    }

    private static void requireWith(Kind needing, Kind kind, String key, String value) {
      if ((kind == needing) == value.isEmpty()) {
        throw new IllegalArgumentException(
            kind == needing
                ? "model = %s needs %s".formatted(Section.written(needing), key)
                : "%s = %s has no effect with model = %s, it needs model = %s"
                    .formatted(key, value, Section.written(kind), Section.written(needing)));
      }
    }

    /** Whether it is the model of the settings, whoever computes it. */
    public boolean isConfigured() {
      return kind == Kind.CONFIGURED;
    }

    /** Whose it is, by key path. */
    public Map<String, Object> kindAsSetting() {
      return Map.of("train.engine.bigdl.model", Section.written(kind));
    }

    /** What makes it this model, by key path. */
    public Map<String, Object> asSettings() {
      Map<String, Object> settings = new TreeMap<>(kindAsSetting());
      if (kind == Kind.FILE) {
        settings.put("train.engine.bigdl.file", file);
        settings.put("train.engine.bigdl.criterion", Section.written(criterion));
        settings.put("train.engine.bigdl.rows", Section.written(rows));
      }
      if (kind == Kind.CLASS) {
        settings.put("train.engine.bigdl.class", factory);
      }
      return settings;
    }

    /** Whether a user brings it, and the section {@code model} says nothing of it. */
    public boolean isUsers() {
      return kind == Kind.FILE || kind == Kind.CLASS;
    }
  }

  /**
   * How ranks are connected and how long others wait for a sign of life.
   *
   * @param hasUnixSockets whether ranks of one host use Unix-domain sockets
   * @param hasTls whether all others are encrypted, with the cluster's certificates
   * @param hierarchy between whom large collectives run
   * @param silence without a sign of life
   * @param compute for data from a living peer
   * @param lease after which a training process without a sign of life loses its run to another
   * @param slots for which ranks wait for as many slots of the cluster
   * @param recoveries times that all ranks begin again, because one is lost, without a new
   *     checkpoint in between
   */
  public record Connections(
      boolean hasUnixSockets,
      boolean hasTls,
      Hierarchy hierarchy,
      Duration silence,
      Duration compute,
      Duration lease,
      Duration slots,
      int recoveries) {

    public Connections {
      if (lease.toSeconds() < 1) {
        throw new IllegalArgumentException(
            "lease-expiry-seconds must be at least 1, got %d".formatted(lease.toSeconds()));
      }
      if (slots.isNegative()) {
        throw new IllegalArgumentException(
            "slots-wait-seconds must not be negative, got %d".formatted(slots.toSeconds()));
      }
      if (recoveries < 0) {
        throw new IllegalArgumentException(
            "recoveries must not be negative, got %d".formatted(recoveries));
      }
    }
  }

  /**
   * Texts that are written while a run trains.
   *
   * @param every steps between them; 0 for none
   * @param prompts that they begin with
   * @param tokens that are added to each
   */
  public record Samples(long every, List<String> prompts, int tokens) {

    public Samples {
      prompts = List.copyOf(prompts);
      if (every < 0 || tokens < 1) {
        throw new IllegalArgumentException(
            "every must not be negative and tokens at least 1, got %d and %d"
                .formatted(every, tokens));
      }
      if (prompts.contains("")) {
        throw new IllegalArgumentException("prompts must not be empty texts");
      }
    }

    /** Whether there are any. */
    public boolean areWanted() {
      return every > 0 && !prompts.isEmpty();
    }
  }

  /** Where routed experts are. */
  private enum Placement {
    REPLICATED,
    OWNERS
  }

  /** How rows travel between tokens and experts. */
  private enum RowCodec {
    FP8,
    BF16,
    FP32;

    GradientCodec of(int dim) {
      return this == FP8 ? GradientCodec.fp8(dim) : GradientCodec.of(Section.written(this));
    }
  }

  /** Whether what is left out of gradients goes into the next ones. */
  private enum Feedback {
    AUTO,
    ON,
    OFF;

    boolean isOn(boolean isNeeded) {
      return this == ON || this == AUTO && isNeeded;
    }
  }

  /** The file of {@code conf/} with every setting and its default. */
  public static final String DEFAULTS = "models/demo.conf";

  /**
   * Settings that a run recorded.
   *
   * @param origin named in messages
   */
  public static TrainSettings recorded(String json, String origin) {
    return of(SettingsFile.recorded(DEFAULTS, json, origin));
  }

  /**
   * Reads the settings.
   *
   * @throws ConfigException if a key is unknown or missing, or a value breaks its rule
   */
  public static TrainSettings of(SettingsFile file) {
    Section root = file.root();
    Section train = root.section("train");
    Section wire = train.section("wire");
    Section experts = train.section("experts");
    Section samples = train.section("samples");
    Section engine = train.section("engine");
    ModelConfig model = ModelSettings.read(root.section("model"));
    return root.build(
        () ->
            new TrainSettings(
                model,
                train(train, wire),
                train.choice("recompute", Recompute.class),
                engine.build(
                    () ->
                        new Engine(
                            engine.choice("name", Engine.Name.class),
                            engine.integer("mkl-threads"),
                            engine.choice("device", DeviceChoice.class),
                            engine.choice("batches", Engine.Batches.class),
                            bigDl(engine.section("bigdl")))),
                experts(experts, model),
                new Connections(
                    wire.flag("unix-sockets"),
                    wire.flag("tls"),
                    wire.choice("hierarchy", Hierarchy.class),
                    Duration.ofSeconds(wire.longInteger("deadline-seconds")),
                    Duration.ofSeconds(wire.longInteger("compute-deadline-seconds")),
                    Duration.ofSeconds(train.longInteger("lease-expiry-seconds")),
                    Duration.ofSeconds(train.longInteger("slots-wait-seconds")),
                    train.integer("recoveries")),
                samples.build(
                    () ->
                        new Samples(
                            samples.longInteger("every"),
                            samples.texts("prompts"),
                            samples.integer("tokens"))),
                file.rendered(),
                file.digest()));
  }

  private static BigDlChoice bigDl(Section s) {
    return s.build(
        () ->
            new BigDlChoice(
                s.choice("model", BigDlChoice.Kind.class),
                s.text("file"),
                s.choice("criterion", ModuleSource.Criterion.class),
                s.choice("rows", ModuleSource.Rows.class),
                s.text("class")));
  }

  private static Optional<ExpertTransfer> experts(Section s, ModelConfig model) {
    return s.build(
        () -> {
          Placement placement = s.choice("placement", Placement.class);
          RowCodec dispatch = s.choice("dispatch", RowCodec.class);
          RowCodec combine = s.choice("combine", RowCodec.class);
          if (placement == Placement.REPLICATED) {
            return Optional.empty();
          }
          if (model.moeLayers() == 0) {
            throw new IllegalArgumentException(
                "placement = owners needs layers with experts, the model is dense");
          }
          return Optional.of(new ExpertTransfer(dispatch.of(model.dim()), combine.of(model.dim())));
        });
  }

  private static TrainConfig train(Section s, Section wire) {
    Section ramp = s.section("batch-ramp");
    Section rate = s.section("learning-rate");
    Section adam = s.section("adam");
    Section balance = s.section("balance");
    Section spikes = s.section("spikes");
    s.text("recompute");
    s.longInteger("lease-expiry-seconds");
    s.longInteger("slots-wait-seconds");
    s.integer("recoveries");
    return s.build(
        () ->
            new TrainConfig(
                s.longInteger("seed"),
                s.longInteger("steps"),
                new TrainConfig.Batch(
                    s.integer("sequences-per-step"),
                    ramp.integer("from"),
                    ramp.build(() -> ramp.longInteger("tokens")),
                    s.integer("micro-batch")),
                rate.build(() -> schedule(rate)),
                adam.build(
                    () ->
                        new AdamW.Config(
                            adam.number("beta1"),
                            adam.number("beta2"),
                            adam.number("epsilon"),
                            adam.number("weight-decay"))),
                s.number("clip-norm"),
                balance.build(
                    () ->
                        new TrainConfig.Balance(
                            balance.number("bias-update"), balance.number("share"))),
                wire(wire),
                every(s),
                spikes.build(() -> spikes(spikes))));
  }

  private static LearningRateSchedule schedule(Section s) {
    return new LearningRateSchedule(
        s.number("peak"),
        s.longInteger("warm-up-steps"),
        s.sections("phases").stream().map(TrainSettings::phase).toList());
  }

  private static LearningRateSchedule.Phase phase(Section s) {
    return s.build(
        () ->
            new LearningRateSchedule.Phase(
                s.number("length"),
                s.choice("shape", LearningRateSchedule.Shape.class),
                s.number("rate")));
  }

  private static TrainConfig.Wire wire(Section s) {
    s.flag("unix-sockets");
    s.flag("tls");
    s.text("hierarchy");
    s.longInteger("deadline-seconds");
    s.longInteger("compute-deadline-seconds");
    return s.build(
        () ->
            new TrainConfig.Wire(
                gradients(s),
                s.choice("weights", TrainConfig.Weights.class),
                s.longInteger("full-steps"),
                s.longInteger("bucket-elements"),
                s.flag("overlap")));
  }

  private static ReductionConfig gradients(Section s) {
    String name = s.text("gradients");
    Feedback feedback = s.choice("error-feedback", Feedback.class);
    double share = s.number("topk-share");
    double momentum = s.number("topk-momentum");
    int lowRank = s.integer("powersgd-rank");
    if (name.equals("powersgd")) {
      return new ReductionConfig.PowerSgd(lowRank, feedback.isOn(true));
    }
    if (name.equals("topk")) {
      return new ReductionConfig.TopK(share, momentum, feedback.isOn(true));
    }
    Optional<GradientCodec> codec =
        GradientCodec.all().stream().filter(c -> c.name().equals(name)).findFirst();
    if (codec.isEmpty()) {
      throw new IllegalArgumentException(
          "gradients must be one of %s, topk, powersgd, got %s"
              .formatted(
                  GradientCodec.all().stream()
                      .map(GradientCodec::name)
                      .collect(Collectors.joining(", ")),
                  name));
    }
    return new ReductionConfig.Coded(codec.get(), feedback.isOn(codec.get().isCoarse()));
  }

  private static TrainConfig.Spikes spikes(Section s) {
    return new TrainConfig.Spikes(
        s.choice("policy", TrainConfig.Spikes.Policy.class),
        s.number("deviations"),
        s.integer("window"),
        s.integer("at-most"));
  }

  private static TrainConfig.Every every(Section s) {
    return new TrainConfig.Every(
        s.longInteger("checkpoint-every"),
        s.integer("keep-checkpoints"),
        s.integer("keep-best"),
        s.longInteger("digest-every"),
        s.longInteger("evaluate-every"),
        s.integer("evaluate-sequences"));
  }
}
