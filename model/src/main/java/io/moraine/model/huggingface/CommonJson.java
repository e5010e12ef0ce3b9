package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.transformer.ModelConfig;
import io.moraine.model.transformer.ModelConfig.PredictionConfig;
import java.util.Locale;

/** What the configurations of both classes have in common. */
final class CommonJson {

  /** Number of modules of multi-token prediction. */
  static final String MODULES = "num_nextn_predict_layers";

  private CommonJson() {}

  /** Keys of which Moraine's models have one value. */
  static void requireSupported(ConfigJson json) throws ModelFormatException {
    json.requireIfPresent("hidden_act", "silu");
    json.requireIfPresent("attention_bias", false);
    json.requireIfPresent("attention_dropout", 0);
    json.requireEmptyIfPresent("pruned_heads");
  }

  /** Modules behind the last layer; the weight of their loss is of training, no file has it. */
  static PredictionConfig prediction(ConfigJson json) throws ModelFormatException {
    return new PredictionConfig(json.integer(MODULES, 0), 0);
  }

  static void write(ModelConfig config, ObjectNode json) {
    json.put("vocab_size", config.vocabularySize());
    json.put("hidden_size", config.dim());
    json.put("intermediate_size", config.denseFeedForwardDim());
    json.put("num_hidden_layers", config.layers());
    json.put("num_attention_heads", config.attention().heads());
    json.put("max_position_embeddings", config.maxSequenceLength());
    json.put("initializer_range", config.initStd());
    json.put("rms_norm_eps", config.normEpsilon());
    json.put("tie_word_embeddings", config.hasTiedEmbeddings());
    json.put("hidden_act", "silu");
    json.put("attention_bias", false);
    json.put("attention_dropout", 0.0);
    json.put("pretraining_tp", 1);
    json.put("use_cache", true);
    RopeJson.write(config, json);
  }

  /** Refuses to export a model that the class cannot be. */
  static void require(boolean holds, Architecture as, String setting, Object value)
      throws ModelFormatException {
    if (!holds) {
      throw new ModelFormatException(
          "%s has no %s = %s, so this model cannot be exported."
              .formatted(as.className(), setting, value.toString().toLowerCase(Locale.ROOT)));
    }
  }
}
