package io.moraine.model.huggingface;

import io.moraine.model.transformer.ModelConfig;
import java.util.LinkedHashMap;
import java.util.Map;

/** How a file calls the weights that Moraine names as the published DeepSeek code does. */
@FunctionalInterface
interface WeightNames {

  String EMBEDDING = "embed.weight";
  String HEAD = "head.weight";

  /** Name of a weight, or of a layer's selection bias ({@code layers.1.ffn.gate.bias}). */
  String of(String weight);

  /** Hugging Face's; grouped-query weights too. All matrices lie as here, (outputs, inputs). */
  static WeightNames huggingFace() {
    Map<String, String> parts = new LinkedHashMap<>();
    parts.put("ffn.gate.bias", "mlp.gate.e_score_correction_bias");
    parts.put("attn_norm.", "input_layernorm.");
    parts.put("ffn_norm.", "post_attention_layernorm.");
    parts.put("ffn.", "mlp.");
    parts.put("attn.wq_a.", "self_attn.q_a_proj.");
    parts.put("attn.q_norm.", "self_attn.q_a_layernorm.");
    parts.put("attn.wq_b.", "self_attn.q_b_proj.");
    parts.put("attn.wkv_a.", "self_attn.kv_a_proj_with_mqa.");
    parts.put("attn.kv_norm.", "self_attn.kv_a_layernorm.");
    parts.put("attn.wkv_b.", "self_attn.kv_b_proj.");
    parts.put("attn.wq.", "self_attn.q_proj.");
    parts.put("attn.wk.", "self_attn.k_proj.");
    parts.put("attn.wv.", "self_attn.v_proj.");
    parts.put("attn.wo.", "self_attn.o_proj.");
    parts.put(".w1.", ".gate_proj.");
    parts.put(".w2.", ".down_proj.");
    parts.put(".w3.", ".up_proj.");
    return weight -> {
      if (weight.equals(HEAD)) {
        return "lm_head.weight";
      }
      String name = weight.replace("embed.", "embed_tokens.");
      for (Map.Entry<String, String> part : parts.entrySet()) {
        name = name.replace(part.getKey(), part.getValue());
      }
      return "model." + name;
    };
  }

  /** The published DeepSeek code's, behind a prefix. */
  static WeightNames published(String prefix) {
    return weight -> prefix + weight;
  }

  /**
   * What the modules of multi-token prediction share with the main model and files hold once more
   * per module, as published: the name of each copy, and the weight that it is of.
   */
  static Map<String, String> copies(ModelConfig config) {
    Map<String, String> copies = new LinkedHashMap<>();
    for (int k = 1; k <= config.prediction().depth(); k++) {
      String module = "layers.%d.".formatted(config.layers() + k - 1);
      copies.put(module + EMBEDDING, EMBEDDING);
      copies.put(module + "shared_head." + HEAD, config.hasTiedEmbeddings() ? EMBEDDING : HEAD);
    }
    return copies;
  }

  /** Whether a weight is a router's, beside which the layer's selection bias stands. */
  static boolean isRouter(String weight) {
    return weight.endsWith(".ffn.gate.weight");
  }

  /** Name of the selection bias beside a router's weight. */
  static String selectionBias(String router) {
    return router.replace("gate.weight", "gate.bias");
  }
}
