package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.attention.LatentConfig;
import io.moraine.model.layer.Llama3Scaling;
import io.moraine.model.layer.RotaryConfig;
import io.moraine.model.layer.RotaryConfig.Layout;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.moe.RouterConfig.Score;
import io.moraine.model.transformer.ModelConfig;
import java.util.List;

/** The configuration of {@code DeepseekV3ForCausalLM}. */
final class DeepSeekV3Json {

  /** Weights of losses in training elsewhere. */
  private static final List<String> OF_TRAINING = List.of("aux_loss_alpha", "seq_aux");

  private DeepSeekV3Json() {}

  static ModelConfig read(ConfigJson json) throws ModelFormatException {
    CommonJson.requireSupported(json);
    json.ignore(OF_TRAINING);
    json.requireIfPresent("moe_layer_freq", 1);
    int layers = json.integer("num_hidden_layers");
    int denseLayers = Math.min(layers, json.integer("first_k_dense_replace"));
    int maxLength = json.integer("max_position_embeddings");
    LatentConfig attention = attention(json);
    return new ModelConfig(
        json.integer("vocab_size"),
        json.integer("hidden_size"),
        layers,
        denseLayers,
        json.integer("intermediate_size"),
        maxLength,
        json.number("rms_norm_eps"),
        json.number("initializer_range", 0.02),
        attention,
        rotary(json, maxLength),
        new ModelConfig.ExpertsConfig(
            json.integer("n_shared_experts"), json.integer("moe_intermediate_size")),
        router(json),
        json.flag("tie_word_embeddings", false));
  }

  private static LatentConfig attention(ConfigJson json) throws ModelFormatException {
    int heads = json.integer("num_attention_heads");
    LatentConfig attention =
        new LatentConfig(
            heads,
            json.integer("q_lora_rank", 0),
            json.integer("kv_lora_rank"),
            json.integer("qk_nope_head_dim"),
            json.integer("qk_rope_head_dim"),
            json.integer("v_head_dim"));
    json.requireIfPresent("num_key_value_heads", heads);
    json.requireIfPresent("qk_head_dim", attention.queryDim());
    json.requireIfPresent("head_dim", attention.rotaryDim());
    return attention;
  }

  private static RotaryConfig rotary(ConfigJson json, int maxLength) throws ModelFormatException {
    Layout layout = json.flag("rope_interleave", true) ? Layout.INTERLEAVED : Layout.HALVES;
    RotaryConfig rotary = RopeJson.read(json, layout, maxLength);
    if (rotary.scaling() instanceof Llama3Scaling) {
      throw json.error("rope_type must be default or yarn for DeepseekV3ForCausalLM, got llama3");
    }
    return rotary;
  }

  private static RouterConfig router(ConfigJson json) throws ModelFormatException {
    json.requireIfPresent("scoring_func", "sigmoid");
    json.requireIfPresent("topk_method", "noaux_tc");
    json.requireIfPresent("norm_topk_prob", true);
    return new RouterConfig(
        json.integer("n_routed_experts"),
        json.integer("num_experts_per_tok"),
        json.integer("n_group"),
        json.integer("topk_group"),
        Score.SIGMOID,
        json.number("routed_scaling_factor"),
        true,
        0);
  }

  static void write(ModelConfig config, ObjectNode json) throws ModelFormatException {
    Architecture deepSeek = Architecture.DEEPSEEK_V3;
    RouterConfig router = config.router();
    if (config.moeLayers() > 0) {
      CommonJson.require(
          router.score() == Score.SIGMOID, deepSeek, "model.experts.score", router.score());
      CommonJson.require(config.experts().shared() > 0, deepSeek, "model.experts.shared", 0);
      // Without a bias groups rank by their best expert here, by their two best ones there.
      CommonJson.require(
          router.hasSelectionBias() || router.groups() == 1,
          deepSeek,
          "model.experts.selection-bias",
          router.hasSelectionBias());
    }
    CommonJson.require(
        !(config.rotary().scaling() instanceof Llama3Scaling),
        deepSeek,
        "model.rotary.scaling",
        "llama3");
    CommonJson.write(config, json);
    writeAttention((LatentConfig) config.attention(), json);
    json.put("rope_interleave", config.rotary().layout() == Layout.INTERLEAVED);
    json.put("first_k_dense_replace", config.denseLayers());
    json.put("moe_layer_freq", 1);
    json.put("moe_intermediate_size", config.experts().feedForwardDim());
    json.put("n_shared_experts", config.experts().shared());
    json.put("n_routed_experts", router.routedExperts());
    json.put("num_experts_per_tok", router.activeExperts());
    json.put("n_group", router.groups());
    json.put("topk_group", router.limitedGroups());
    json.put("routed_scaling_factor", router.routeScale());
    json.put("norm_topk_prob", true);
    json.put("scoring_func", "sigmoid");
    json.put("topk_method", "noaux_tc");
    json.put(CommonJson.MODULES, config.prediction().depth());
  }

  private static void writeAttention(LatentConfig attention, ObjectNode json) {
    json.put("num_key_value_heads", attention.heads());
    if (attention.hasLowRankQueries()) {
      json.put("q_lora_rank", attention.queryLatentDim());
    } else {
      json.putNull("q_lora_rank");
    }
    json.put("kv_lora_rank", attention.keyValueLatentDim());
    json.put("qk_nope_head_dim", attention.noPositionDim());
    json.put("qk_rope_head_dim", attention.rotaryDim());
    json.put("qk_head_dim", attention.queryDim());
    json.put("v_head_dim", attention.valueDim());
  }
}
