package io.moraine.jobs.report;

import io.moraine.jobs.config.ConfigException;
import io.moraine.jobs.config.TrainSettings;
import io.moraine.model.collective.Hierarchy;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.reduction.ReductionConfig;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.Slice;
import io.moraine.model.train.TrainConfig;
import io.moraine.model.transformer.ActivationCost;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelCost;
import io.moraine.model.transformer.Recompute;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.OptionalDouble;

/** What training a model costs, as text: nothing is run, no weight is allocated. */
public final class ModelPlan {

  private static final int BLOCK = 256;
  private static final double GIGA = 1e9;
  private static final double TERA = 1e12;
  private static final double SECONDS_PER_DAY = 86400;

  private ModelPlan() {}

  /**
   * What it would run on.
   *
   * @param ranks number of ranks
   * @param sequenceLength of the training
   * @param bandwidth bytes per second that a rank sends and receives, if known
   * @param rate floating-point operations per second that a rank reaches, if known
   */
  public record Cluster(
      int ranks, int sequenceLength, OptionalDouble bandwidth, OptionalDouble rate) {}

  /**
   * The plan.
   *
   * @throws ConfigException if the model is one that BigDL brings, whose sizes are not known here
   */
  public static List<String> lines(TrainSettings settings, Cluster cluster) {
    ModelConfig model =
        settings
            .configuredModel()
            .orElseThrow(
                () ->
                    new ConfigException(
                        "a plan is of the section model, and train.engine.bigdl has another one. Set train.engine.bigdl.model = configured to plan the former."));
    ModelCost cost = new ModelCost(model);
    List<String> lines = new ArrayList<>();
    lines.add(
        format(
            "parameters       %,d (%s), active per token %,d (%s)",
            model.parameters(),
            billions(model.parameters()),
            model.activeParameters(),
            billions(model.activeParameters())));
    lines.add(
        format(
            "in products      %,d per token (%s): the active ones but for the embedding's other"
                + " rows",
            cost.multipliedParameters(), billions(cost.multipliedParameters())));
    lines.add(
        format(
            "training         %.4g GFLOP per token at sequences of %,d, forward %.4g",
            cost.trainingFlops(cluster.sequenceLength()) / GIGA,
            cluster.sequenceLength(),
            cost.forwardFlops(cluster.sequenceLength()) / GIGA));
    lines.add(
        format(
            "cache            %,d values per token of a text that is generated",
            cost.cachedValues()));
    addMemory(cost, settings, cluster.ranks(), lines);
    addActivations(settings, cluster.sequenceLength(), lines);
    addWire(cost, settings, cluster, lines);
    addTime(cost, settings, cluster, lines);
    return lines;
  }

  private static void addMemory(
      ModelCost cost, TrainSettings settings, int ranks, List<String> lines) {
    double flat = 4.0 * ReductionConfig.length(cost.config().weights());
    List<Slice> reduced = reduced(cost, settings);
    double common = 4.0 * ReductionConfig.length(reduced);
    int experts = settings.model().router().routedExperts();
    // Of the rank that owns most; a gradient for each rank's rows.
    double own = flat == common ? 0 : (flat - common) / experts * -Math.floorDiv(-experts, ranks);
    double weights = common + own;
    double gradients = common + own * ranks;
    // Master weights, two moments and the summed gradients.
    double shard = 4 * (common / ranks + own);
    // A step that may be skipped needs what was owed before it.
    int copies = settings.train().spikes().policy() == TrainConfig.Spikes.Policy.SKIP ? 2 : 1;
    double carried = 4.0 * copies * settings.train().wire().gradients().carried(reduced);
    // What everybody has of weights is the weights, so that differences carry nothing.
    lines.add(
        format(
            "memory per rank  %.4g GB of %,d ranks: weights %.4g, gradients %.4g, its shard of the"
                + " optimizer %.4g%s; while a checkpoint is written %.4g more",
            (weights + gradients + shard + carried) / GIGA,
            ranks,
            weights / GIGA,
            gradients / GIGA,
            shard / GIGA,
            carried > 0 ? format(", error feedback %.4g", carried / GIGA) : "",
            (shard - flat / ranks + carried) / GIGA));
    if (settings.engine().device() != DeviceChoice.CPU) {
      OptionalDouble made = settings.train().wire().gradients().deviceBytes(reduced);
      // Else gradients are reduced on the host, of float32.
      boolean isThere = made.isPresent() && settings.connections().hierarchy() == Hierarchy.FLAT;
      double there = weights + gradients + shard + (isThere ? carried : 0);
      double encoded = (isThere ? made.getAsDouble() : 0) + wire(settings, reduced);
      double sent = ranks == 1 ? 0 : encoded;
      double summed = ranks == 1 && isThere ? 0 : shard / 4;
      lines.add(
          format(
              "on a GPU         %.4g GB of that in its memory; pinned on the host for what crosses %.4g",
              there / GIGA, (sent + summed) / GIGA));
    }
  }

  /** Encoded weights. */
  private static double wire(TrainSettings settings, List<Slice> reduced) {
    double blocks = (double) ReductionConfig.length(reduced) / BLOCK;
    return blocks * settings.train().wire().weights().codec().encodedBytes(BLOCK);
  }

  private static void addActivations(
      TrainSettings settings, int sequenceLength, List<String> lines) {
    ActivationCost cost = new ActivationCost(settings.model());
    int sequences = settings.train().batch().microBatch();
    lines.add(
        format(
            "activations      at least, in float32, of a pass of train.micro-batch = %d sequences",
            sequences));
    for (Recompute recompute : Recompute.values()) {
      double perToken = 4.0 * cost.valuesPerToken(recompute);
      lines.add(
          format(
              "  recompute %-6s %,12.0f bytes per token  %.4g GB%s",
              recompute.name().toLowerCase(Locale.ROOT),
              perToken,
              perToken * sequences * sequenceLength / GIGA,
              recompute == settings.recompute() ? "   <- train.recompute" : ""));
    }
    if (settings.experts().isPresent()) {
      lines.add(
          format(
              "  and %,d for each row that an owner has at once, what arrives and what it answers",
              2 * Float.BYTES * settings.model().dim()));
    }
  }

  private static void addWire(
      ModelCost cost, TrainSettings settings, Cluster cluster, List<String> lines) {
    lines.add("wire             bytes that a rank sends per step, at most");
    TrainConfig train = settings.train();
    List<Slice> reduced = reduced(cost, settings);
    List<ReductionConfig> reductions = new ArrayList<>();
    for (GradientCodec codec : GradientCodec.all()) {
      reductions.add(new ReductionConfig.Coded(codec, codec.isCoarse()));
    }
    ReductionConfig chosen = train.wire().gradients();
    if (reductions.stream().noneMatch(r -> r.name().equals(chosen.name()))) {
      reductions.add(chosen);
    }
    for (ReductionConfig gradients : reductions) {
      for (TrainConfig.Weights weights : TrainConfig.Weights.values()) {
        boolean isChosen =
            gradients.name().equals(chosen.name()) && weights == train.wire().weights();
        double bytes = wireBytes(reduced, gradients, weights, cluster.ranks());
        lines.add(
            format(
                "  gradients %s, weights %s  %,20.0f%s%s",
                gradients.name(),
                weights.settingName(),
                bytes,
                cluster.bandwidth().isPresent()
                    ? format("  %.4g s", bytes / cluster.bandwidth().getAsDouble())
                    : "",
                isChosen ? "   <- settings" : ""));
      }
    }
    double rows = rowBytes(cost, settings, cluster);
    if (rows > 0) {
      lines.add(
          format(
              "  rows to experts on their owners and back, at even load  %,.0f%s",
              rows,
              cluster.bandwidth().isPresent()
                  ? format("  %.4g s", rows / cluster.bandwidth().getAsDouble())
                  : ""));
    }
  }

  /** The weights whose gradients are reduced and that are gathered: not those that an owner has. */
  private static List<Slice> reduced(ModelCost cost, TrainSettings settings) {
    return settings.experts().isPresent() ? cost.commonWeights() : cost.config().weights();
  }

  /** What reduces gradients goes out but for a rank's own shard, and that to all others. */
  private static double wireBytes(
      List<Slice> reduced, ReductionConfig gradients, TrainConfig.Weights weights, int ranks) {
    double blocks = (double) ReductionConfig.length(reduced) / BLOCK;
    double bytes = gradients.wireBytes(reduced) + blocks * weights.codec().encodedBytes(BLOCK);
    return bytes * (ranks - 1) / ranks;
  }

  /** Rows between tokens and their experts, of a rank's tokens of a step, at even load. */
  private static double rowBytes(ModelCost cost, TrainSettings settings, Cluster cluster) {
    if (settings.experts().isEmpty()) {
      return 0;
    }
    double tokens =
        (double) settings.train().batch().sequencesPerStep()
            * cluster.sequenceLength()
            / cluster.ranks();
    int passes = settings.recompute() == Recompute.LAYERS ? 3 : 2;
    long perRow = settings.experts().get().bytesPerRow(settings.model().dim(), passes);
    return tokens * cost.routedRows() * perRow * (cluster.ranks() - 1) / cluster.ranks();
  }

  private static void addTime(
      ModelCost cost, TrainSettings settings, Cluster cluster, List<String> lines) {
    if (cluster.rate().isEmpty()) {
      return;
    }
    TrainConfig train = settings.train();
    double tokens = (double) train.batch().sequencesPerStep() * cluster.sequenceLength();
    double allTokens =
        (double) train.batch().sizes(cluster.sequenceLength()).through(train.steps())
            * cluster.sequenceLength();
    double secondsPerToken =
        cost.trainingFlops(cluster.sequenceLength())
            / cluster.rate().getAsDouble()
            / cluster.ranks();
    double wire =
        cluster.bandwidth().isPresent()
            ? (wireBytes(
                        reduced(cost, settings),
                        train.wire().gradients(),
                        train.wire().weights(),
                        cluster.ranks())
                    + rowBytes(cost, settings, cluster))
                / cluster.bandwidth().getAsDouble()
            : 0;
    lines.add(
        format(
            "step             %,.0f tokens: %.4g s of computing%s",
            tokens, tokens * secondsPerToken, wire > 0 ? format(", %.4g s of sending", wire) : ""));
    double seconds = allTokens * secondsPerToken + train.steps() * wire;
    lines.add(
        format(
            "run              %,d steps, %.4g T tokens: %.4g days, %,.0f rank-hours",
            train.steps(),
            allTokens / TERA,
            seconds / SECONDS_PER_DAY,
            seconds / 3600 * cluster.ranks()));
  }

  private static String billions(long parameters) {
    return parameters >= GIGA
        ? format("%.4g B", parameters / GIGA)
        : format("%.4g M", parameters / 1e6);
  }

  private static String format(String format, Object... values) {
    return String.format(Locale.ROOT, format, values);
  }
}
