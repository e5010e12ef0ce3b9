package io.moraine.jobs.config;

import io.moraine.bigdl.BigDl;
import io.moraine.model.collective.Hierarchy;
import io.moraine.model.moe.ExpertTransfer;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.train.TrainConfig;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.Recompute;
import java.time.Duration;
import java.util.List;
import java.util.Optional;

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
    EngineSettings engine,
    Optional<ExpertTransfer> experts,
    Connections connections,
    Samples samples,
    String rendered,
    String digest) {

  /** The file of {@code conf/} with every setting and its default. */
  public static final String DEFAULTS = "models/demo.conf";

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
      ModelConfig model,
      Recompute recompute,
      EngineSettings engine,
      Optional<ExpertTransfer> experts) {
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
    return TrainSettingsReader.read(file);
  }

  /** The section {@code model}, if that is what is trained and not a model that BigDL brings. */
  public Optional<ModelConfig> configuredModel() {
    return engine.bigDl().isConfigured() ? Optional.of(model) : Optional.empty();
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
}
