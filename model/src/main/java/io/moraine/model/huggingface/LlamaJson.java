package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.layer.RotaryConfig.Layout;
import io.moraine.model.moe.RouterConfig;
import io.moraine.model.transformer.ModelConfig;

/** The configuration of {@code LlamaForCausalLM}. */
final class LlamaJson {

  private LlamaJson() {}

  static ModelConfig read(ConfigJson json) throws ModelFormatException {
    CommonJson.requireSupported(json);
    json.requireIfPresent("mlp_bias", false);
    int dim = json.integer("hidden_size");
    int layers = json.integer("num_hidden_layers");
    int heads = json.integer("num_attention_heads");
    int maxLength = json.integer("max_position_embeddings");
    return new ModelConfig(
        json.integer("vocab_size"),
        dim,
        layers,
        layers,
        json.integer("intermediate_size"),
        maxLength,
        json.number("rms_norm_eps"),
        json.number("initializer_range", 0.02),
        new GroupedQueryConfig(
            heads,
            json.integer("num_key_value_heads", heads),
            json.integer("head_dim", dim / Math.max(1, heads))),
        RopeJson.read(json, Layout.HALVES, maxLength),
        ModelConfig.ExpertsConfig.none(),
        RouterConfig.none(),
        json.flag("tie_word_embeddings", false));
  }

  static void write(ModelConfig config, ObjectNode json) throws ModelFormatException {
    Architecture llama = Architecture.LLAMA;
    CommonJson.require(config.moeLayers() == 0, llama, "model.dense-layers", config.denseLayers());
    Layout layout = config.rotary().layout();
    CommonJson.require(layout == Layout.HALVES, llama, "model.rotary.layout", layout);
    CommonJson.write(config, json);
    GroupedQueryConfig attention = (GroupedQueryConfig) config.attention();
    json.put("num_key_value_heads", attention.keyValueHeads());
    json.put("head_dim", attention.headDim());
    json.put("mlp_bias", false);
    if (config.prediction().depth() > 0) {
      json.put(CommonJson.MODULES, config.prediction().depth());
    }
  }
}
