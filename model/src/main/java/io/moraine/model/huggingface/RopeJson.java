package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.layer.Llama3Scaling;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryConfig.Layout;
import io.moraine.model.layer.RotaryScaling;
import io.moraine.model.layer.YarnScaling;
import io.moraine.model.transformer.ModelConfig;

/**
 * Rotary positions as configurations write them: {@code rope_theta} with {@code rope_scaling}, or
 * both in {@code rope_parameters} since transformers 5.
 */
final class RopeJson {

  private static final double DEFAULT_THETA = 10000;

  private RopeJson() {}

  static RotaryConfig read(ConfigJson json, Layout layout, int maxLength)
      throws ModelFormatException {
    double theta = json.number("rope_theta", DEFAULT_THETA);
    boolean old = json.has("rope_scaling");
    boolean recent = json.has("rope_parameters");
    if (!old && !recent) {
      return new RotaryConfig(theta, layout, new RotaryScaling.None());
    }
    if (old && recent) {
      throw json.error("rope_scaling and rope_parameters must not both be there");
    }
    ConfigJson rope = json.section(old ? "rope_scaling" : "rope_parameters");
    theta = rope.number("rope_theta", theta);
    RotaryScaling scaling = scaling(rope, maxLength);
    rope.requireNoOtherKeys();
    return new RotaryConfig(theta, layout, scaling);
  }

  private static RotaryScaling scaling(ConfigJson rope, int maxLength) throws ModelFormatException {
    String type = rope.text("rope_type", rope.text("type", "default"));
    rope.has("type");
    return switch (type) {
      case "default" -> new RotaryScaling.None();
      case "yarn" -> yarn(rope, maxLength);
      case "llama3" ->
          new Llama3Scaling(
              rope.integer("original_max_position_embeddings"),
              rope.number("factor"),
              rope.number("low_freq_factor"),
              rope.number("high_freq_factor"));
      default ->
          throw rope.error("rope_type must be default, yarn or llama3, got %s".formatted(type));
    };
  }

  /** Without both weights of the correction, rotated vectors alone are corrected, by weight 1. */
  private static YarnScaling yarn(ConfigJson rope, int maxLength) throws ModelFormatException {
    double mscale = rope.number("mscale", 0);
    double mscaleAllDim = rope.number("mscale_all_dim", 0);
    if (mscaleAllDim > 0 && mscale == 0) {
      throw rope.error("mscale_all_dim without mscale is not supported");
    }
    rope.refuse("attention_factor", "it follows from mscale and mscale_all_dim");
    rope.requireIfPresent("truncate", true);
    YarnScaling yarn =
        new YarnScaling(
            rope.integer("original_max_position_embeddings"),
            rope.number("factor"),
            rope.number("beta_fast", 32),
            rope.number("beta_slow", 1),
            mscaleAllDim > 0 ? mscale : 1,
            mscaleAllDim);
    if (!yarn.isUsedAt(maxLength)) {
      throw rope.error(
          "original_max_position_embeddings must be below max_position_embeddings, got %d and %d"
              .formatted(yarn.originalSequenceLength(), maxLength));
    }
    return yarn;
  }

  /** Writes both keys; YaRN only where the model's length makes use of it. */
  static void write(ModelConfig config, ObjectNode json) {
    json.put("rope_theta", config.rotary().theta());
    if (config.rotary().scaling() instanceof YarnScaling yarn
        && yarn.isUsedAt(config.maxSequenceLength())) {
      ObjectNode rope = json.putObject("rope_scaling");
      rope.put("type", "yarn");
      rope.put("rope_type", "yarn");
      rope.put("factor", yarn.factor());
      rope.put("original_max_position_embeddings", yarn.originalSequenceLength());
      rope.put("beta_fast", yarn.betaFast());
      rope.put("beta_slow", yarn.betaSlow());
      rope.put("mscale", yarn.mscale());
      rope.put("mscale_all_dim", yarn.mscaleAllDim());
    } else if (config.rotary().scaling() instanceof Llama3Scaling llama) {
      ObjectNode rope = json.putObject("rope_scaling");
      rope.put("rope_type", "llama3");
      rope.put("factor", llama.factor());
      rope.put("original_max_position_embeddings", llama.originalSequenceLength());
      rope.put("low_freq_factor", llama.lowFrequencyFactor());
      rope.put("high_freq_factor", llama.highFrequencyFactor());
    } else {
      json.putNull("rope_scaling");
    }
  }
}
