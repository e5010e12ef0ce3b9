package io.moraine.model.huggingface;

import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.moe.RouterConfig.Score;
import io.moraine.model.transformer.ModelConfig;

/**
 * The configuration of the published DeepSeek inference code, whose defaults stand in for what is
 * missing.
 *
 * @source DeepSeek-V3 inference/model.py, ModelArgs; inference/configs
 */
final class PublishedDeepSeekJson {

  /** The published code has a selection bias in models of this width alone. */
  private static final int DIM_WITH_BIAS = 7168;

  private static final double INIT_STD = 0.02;

  private PublishedDeepSeekJson() {}

  static ModelConfig read(ConfigJson json) throws ModelFormatException {
    json.has("dtype");
    json.has("max_batch_size");
    json.has("scale_fmt");
    json.has("seed");
    try {
      ModelConfig config = model(json);
      json.requireNoOtherKeys();
      return config;
    } catch (IllegalArgumentException e) {
      throw json.error(e.getMessage());
    }
  }

  private static ModelConfig model(ConfigJson json) throws ModelFormatException {
    int dim = json.integer("dim");
    return new ModelConfig(
        json.integer("vocab_size"),
        dim,
        json.integer("n_layers"),
        json.integer("n_dense_layers", 1),
        json.integer("inter_dim"),
        json.integer("max_seq_len", 16384),
        json.number("rms_norm_eps", 1e-6),
        INIT_STD,
        new LatentConfig(
            json.integer("n_heads"),
            json.integer("q_lora_rank", 0),
            json.integer("kv_lora_rank", 512),
            json.integer("qk_nope_head_dim", 128),
            json.integer("qk_rope_head_dim", 64),
            json.integer("v_head_dim", 128)),
        RotaryConfig.deepSeek(
            json.number("rope_theta", 10000),
            json.integer("original_seq_len", 4096),
            json.number("rope_factor", 40),
            json.number("beta_fast", 32),
            json.number("beta_slow", 1),
            json.number("mscale", 1)),
        new ModelConfig.ExpertsConfig(
            json.integer("n_shared_experts", 2), json.integer("moe_inter_dim")),
        router(json, dim),
        false);
  }

  private static RouterConfig router(ConfigJson json, int dim) throws ModelFormatException {
    String score = json.text("score_func", "softmax");
    if (!score.equals("softmax") && !score.equals("sigmoid")) {
      throw json.error("score_func must be softmax or sigmoid, got %s".formatted(score));
    }
    return new RouterConfig(
        json.integer("n_routed_experts"),
        json.integer("n_activated_experts"),
        json.integer("n_expert_groups", 1),
        json.integer("n_limited_groups", 1),
        score.equals("sigmoid") ? Score.SIGMOID : Score.SOFTMAX,
        json.number("route_scale", 1),
        json.flag("gate_bias", dim == DIM_WITH_BIAS),
        0);
  }
}
