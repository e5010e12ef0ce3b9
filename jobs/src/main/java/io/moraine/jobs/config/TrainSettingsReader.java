package io.moraine.jobs.config;

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
import java.util.Optional;
import java.util.stream.Collectors;

/** Reads {@link TrainSettings}, key by key. */
final class TrainSettingsReader {

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

  private TrainSettingsReader() {}

  /** As {@link TrainSettings#of}. */
  static TrainSettings read(SettingsFile file) {
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
                        new EngineSettings(
                            engine.choice("name", EngineSettings.Name.class),
                            engine.integer("mkl-threads"),
                            engine.choice("device", DeviceChoice.class),
                            engine.choice("batches", EngineSettings.Batches.class),
                            bigDl(engine.section("bigdl")))),
                experts(experts, model),
                new TrainSettings.Connections(
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
                        new TrainSettings.Samples(
                            samples.longInteger("every"),
                            samples.texts("prompts"),
                            samples.integer("tokens"))),
                file.rendered(),
                file.digest()));
  }

  private static EngineSettings.BigDlChoice bigDl(Section s) {
    return s.build(
        () ->
            new EngineSettings.BigDlChoice(
                s.choice("model", EngineSettings.BigDlChoice.Kind.class),
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
    // For TrainSettings itself and its Connections.
    s.readElsewhere("recompute", "lease-expiry-seconds", "slots-wait-seconds", "recoveries");
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
        s.sections("phases").stream().map(TrainSettingsReader::phase).toList());
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
    // For the Connections.
    s.readElsewhere(
        "unix-sockets", "tls", "hierarchy", "deadline-seconds", "compute-deadline-seconds");
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
