package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.node.ObjectNode;
import io.moraine.model.attention.GroupedQueryConfig;
import io.moraine.model.transformer.ModelConfig;

/** The classes of Hugging Face's transformers that Moraine's models are the same as. */
enum Architecture {
  DEEPSEEK_V3("DeepseekV3ForCausalLM", "deepseek_v3"),
  LLAMA("LlamaForCausalLM", "llama");

  private final String className;
  private final String modelType;

  Architecture(String className, String modelType) {
    this.className = className;
    this.modelType = modelType;
  }

  String className() {
    return className;
  }

  /** The one that a model can be exported as: by its kind of attention. */
  static Architecture of(ModelConfig config) {
    return config.attention() instanceof GroupedQueryConfig ? LLAMA : DEEPSEEK_V3;
  }

  /** The one that a configuration names, in {@code model_type} or else {@code architectures}. */
  static Architecture of(ConfigJson json, String className) throws ModelFormatException {
    String type = json.text("model_type", "");
    for (Architecture known : values()) {
      boolean same = className.isEmpty() || className.equals(known.className);
      if (same && (type.isEmpty() ? !className.isEmpty() : type.equals(known.modelType))) {
        return known;
      }
    }
    throw json.error(
        "architectures and model_type must be %s and %s, or %s and %s, got %s and %s"
            .formatted(
                DEEPSEEK_V3.className,
                DEEPSEEK_V3.modelType,
                LLAMA.className,
                LLAMA.modelType,
                className,
                type));
  }

  ModelConfig read(ConfigJson json) throws ModelFormatException {
    json.ignore(ConfigJson.HARMLESS);
    json.refuse("quantization_config", "convert the weights to bfloat16 first");
    ModelConfig config;
    try {
      config =
          switch (this) {
            case DEEPSEEK_V3 -> DeepSeekV3Json.read(json);
            case LLAMA -> LlamaJson.read(json);
          };
      config = config.with(CommonJson.prediction(json));
    } catch (IllegalArgumentException e) {
      throw json.error(e.getMessage());
    }
    json.requireNoOtherKeys();
    return config;
  }

  /**
   * The configuration.
   *
   * @throws ModelFormatException if the class has no such model
   */
  void write(ModelConfig config, ObjectNode json) throws ModelFormatException {
    json.putArray("architectures").add(className);
    json.put("model_type", modelType);
    switch (this) {
      case DEEPSEEK_V3 -> DeepSeekV3Json.write(config, json);
      case LLAMA -> LlamaJson.write(config, json);
    }
  }
}
