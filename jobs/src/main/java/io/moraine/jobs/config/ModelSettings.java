package io.moraine.jobs.config;

import io.moraine.model.attention.AttentionConfig;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.Llama3Scaling;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryScaling;
import io.moraine.model.layer.YarnScaling;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.precision.Precision;
import io.moraine.model.transformer.ModelConfig;
import java.util.Map;
import java.util.TreeMap;

/**
 * The section {@code model} of a run's settings, both ways. Keys of the kinds that a model is not
 * of (of attention, of scaling) are read and not used.
 */
public final class ModelSettings {

  /** Kinds of attention. */
  enum AttentionKind {
    LATENT,
    GROUPED_QUERY
  }

  /** Kinds of scaling of rotary positions. */
  enum ScalingKind {
    NONE,
    YARN,
    LLAMA3
  }

  private ModelSettings() {}

  static ModelConfig read(Section s) {
    Section experts = s.section("experts");
    return s.build(
        () ->
            new ModelConfig(
                s.integer("vocabulary-size"),
                s.integer("dim"),
                s.integer("layers"),
                s.integer("dense-layers"),
                s.integer("dense-feed-forward-dim"),
                s.integer("max-sequence-length"),
                s.number("norm-epsilon"),
                s.number("init-std"),
                attention(s.section("attention")),
                rotary(s.section("rotary")),
                new ModelConfig.ExpertsConfig(
                    experts.integer("shared"), experts.integer("feed-forward-dim")),
                router(experts),
                s.flag("tied-embeddings"),
                prediction(s.section("prediction")),
                s.choice("attention-span", ModelConfig.AttentionSpan.class),
                s.choice("precision", Precision.class)));
  }

  private static AttentionConfig attention(Section s) {
    AttentionKind kind = s.choice("kind", AttentionKind.class);
    int heads = s.integer("heads");
    int queryLatentDim = s.integer("query-latent-dim");
    int keyValueLatentDim = s.integer("key-value-latent-dim");
    int noPositionDim = s.integer("no-position-dim");
    int rotaryDim = s.integer("rotary-dim");
    int valueDim = s.integer("value-dim");
    int keyValueHeads = s.integer("key-value-heads");
    int headDim = s.integer("head-dim");
    return s.build(
        () ->
            switch (kind) {
              case LATENT ->
                  new LatentConfig(
                      heads, queryLatentDim, keyValueLatentDim, noPositionDim, rotaryDim, valueDim);
              case GROUPED_QUERY -> new GroupedQueryConfig(heads, keyValueHeads, headDim);
            });
  }

  private static RotaryConfig rotary(Section s) {
    return s.build(
        () ->
            new RotaryConfig(
                s.number("theta"), s.choice("layout", RotaryConfig.Layout.class), scaling(s)));
  }

  private static RotaryScaling scaling(Section s) {
    ScalingKind kind = s.choice("scaling", ScalingKind.class);
    int originalLength = s.integer("original-sequence-length");
    double factor = s.number("factor");
    double betaFast = s.number("beta-fast");
    double betaSlow = s.number("beta-slow");
    double mscale = s.number("mscale");
    double mscaleAllDim = s.number("mscale-all-dim");
    double lowFrequencyFactor = s.number("low-frequency-factor");
    double highFrequencyFactor = s.number("high-frequency-factor");
    return switch (kind) {
      case NONE -> new RotaryScaling.None();
      case YARN ->
          new YarnScaling(originalLength, factor, betaFast, betaSlow, mscale, mscaleAllDim);
      case LLAMA3 ->
          new Llama3Scaling(originalLength, factor, lowFrequencyFactor, highFrequencyFactor);
    };
  }

  private static RouterConfig router(Section s) {
    return s.build(
        () ->
            new RouterConfig(
                s.integer("routed"),
                s.integer("active"),
                s.integer("groups"),
                s.integer("limited-groups"),
                s.choice("score", RouterConfig.Score.class),
                s.number("route-scale"),
                s.flag("selection-bias"),
                s.number("sequence-balance-alpha")));
  }

  private static ModelConfig.PredictionConfig prediction(Section s) {
    return s.build(
        () -> new ModelConfig.PredictionConfig(s.integer("depth"), s.number("loss-weight")));
  }

  /** The settings that make this model, by key path, to be put over a complete file. */
  public static Map<String, Object> of(ModelConfig config) {
    Map<String, Object> options = new TreeMap<>();
    options.put("model.vocabulary-size", config.vocabularySize());
    options.put("model.dim", config.dim());
    options.put("model.layers", config.layers());
    options.put("model.dense-layers", config.denseLayers());
    options.put("model.dense-feed-forward-dim", config.denseFeedForwardDim());
    options.put("model.max-sequence-length", config.maxSequenceLength());
    options.put("model.norm-epsilon", config.normEpsilon());
    options.put("model.init-std", config.initStd());
    options.put("model.tied-embeddings", config.hasTiedEmbeddings());
    options.put("model.prediction.depth", config.prediction().depth());
    options.put("model.prediction.loss-weight", config.prediction().lossWeight());
    options.put("model.attention-span", Section.written(config.span()));
    options.put("model.precision", Section.written(config.precision()));
    putAttention(config.attention(), options);
    putRotary(config.rotary(), options);
    putExperts(config, options);
    return options;
  }

  private static void putAttention(AttentionConfig attention, Map<String, Object> options) {
    options.put("model.attention.heads", attention.heads());
    if (attention instanceof LatentConfig latent) {
      options.put("model.attention.kind", Section.written(AttentionKind.LATENT));
      options.put("model.attention.query-latent-dim", latent.queryLatentDim());
      options.put("model.attention.key-value-latent-dim", latent.keyValueLatentDim());
      options.put("model.attention.no-position-dim", latent.noPositionDim());
      options.put("model.attention.rotary-dim", latent.rotaryDim());
      options.put("model.attention.value-dim", latent.valueDim());
    } else if (attention instanceof GroupedQueryConfig grouped) {
      options.put("model.attention.kind", Section.written(AttentionKind.GROUPED_QUERY));
      options.put("model.attention.key-value-heads", grouped.keyValueHeads());
      options.put("model.attention.head-dim", grouped.headDim());
    }
  }

  private static void putRotary(RotaryConfig rotary, Map<String, Object> options) {
    options.put("model.rotary.theta", rotary.theta());
    options.put("model.rotary.layout", Section.written(rotary.layout()));
    if (rotary.scaling() instanceof YarnScaling yarn) {
      options.put("model.rotary.scaling", Section.written(ScalingKind.YARN));
      options.put("model.rotary.original-sequence-length", yarn.originalSequenceLength());
      options.put("model.rotary.factor", yarn.factor());
      options.put("model.rotary.beta-fast", yarn.betaFast());
      options.put("model.rotary.beta-slow", yarn.betaSlow());
      options.put("model.rotary.mscale", yarn.mscale());
      options.put("model.rotary.mscale-all-dim", yarn.mscaleAllDim());
    } else if (rotary.scaling() instanceof Llama3Scaling llama) {
      options.put("model.rotary.scaling", Section.written(ScalingKind.LLAMA3));
      options.put("model.rotary.original-sequence-length", llama.originalSequenceLength());
      options.put("model.rotary.factor", llama.factor());
      options.put("model.rotary.low-frequency-factor", llama.lowFrequencyFactor());
      options.put("model.rotary.high-frequency-factor", llama.highFrequencyFactor());
    } else {
      options.put("model.rotary.scaling", Section.written(ScalingKind.NONE));
    }
  }

  private static void putExperts(ModelConfig config, Map<String, Object> options) {
    RouterConfig router = config.router();
    options.put("model.experts.shared", config.experts().shared());
    options.put("model.experts.feed-forward-dim", config.experts().feedForwardDim());
    options.put("model.experts.routed", router.routedExperts());
    options.put("model.experts.active", router.activeExperts());
    options.put("model.experts.groups", router.groups());
    options.put("model.experts.limited-groups", router.limitedGroups());
    options.put("model.experts.score", Section.written(router.score()));
    options.put("model.experts.route-scale", router.routeScale());
    options.put("model.experts.selection-bias", router.hasSelectionBias());
    options.put("model.experts.sequence-balance-alpha", router.sequenceBalanceAlpha());
  }
}
