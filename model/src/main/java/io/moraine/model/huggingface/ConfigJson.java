package io.moraine.model.huggingface;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;

/**
 * A JSON object of settings, read key by key. What is asked for, required to have a value or known
 * to change nothing is known; any other key is an error, so that nothing is silently ignored.
 */
final class ConfigJson {

  /** Keys of every configuration of Hugging Face's that change neither logits nor gradients. */
  static final List<String> HARMLESS =
      List.of(
          ("_name_or_path architectures auto_map model_type transformers_version dtype torch_dtype use_cache use_bfloat16 torchscript"
                  + " bos_token_id eos_token_id pad_token_id unk_token_id sep_token_id decoder_start_token_id prefix tokenizer_class"
                  + " output_attentions output_hidden_states return_dict is_decoder is_encoder_decoder add_cross_attention tie_encoder_decoder"
                  + " cross_attention_hidden_size chunk_size_feed_forward finetuning_task task_specific_params problem_type id2label label2id"
                  + " tf_legacy_loss pretraining_tp ep_size max_length min_length do_sample early_stopping num_beams num_beam_groups"
                  + " diversity_penalty temperature top_k top_p typical_p repetition_penalty length_penalty no_repeat_ngram_size"
                  + " encoder_no_repeat_ngram_size bad_words_ids num_return_sequences output_scores return_dict_in_generate"
                  + " forced_bos_token_id forced_eos_token_id remove_invalid_values exponential_decay_length_penalty suppress_tokens"
                  + " begin_suppress_tokens")
              .split(" "));

  private final JsonNode node;
  private final String name;
  private final String prefix;
  private final Set<String> known = new HashSet<>();

  /**
   * Settings.
   *
   * @param name of the file, for messages
   * @param prefix of the keys in messages, with its dot; empty at the top
   */
  ConfigJson(JsonNode node, String name, String prefix) {
    this.node = node;
    this.name = name;
    this.prefix = prefix;
  }

  /** Whether a key has a value other than null. */
  boolean has(String key) {
    known.add(key);
    return node.hasNonNull(key);
  }

  ConfigJson section(String key) throws ModelFormatException {
    if (!has(key) || !node.get(key).isObject()) {
      throw error("%s must be an object, got %s".formatted(prefix + key, node.get(key)));
    }
    return new ConfigJson(node.get(key), name, prefix + key + ".");
  }

  int integer(String key) throws ModelFormatException {
    JsonNode value = value(key);
    if (!value.canConvertToInt() || value.asDouble() != value.asInt()) {
      throw error("%s must be an integer, got %s".formatted(prefix + key, value));
    }
    return value.asInt();
  }

  int integer(String key, int absent) throws ModelFormatException {
    return has(key) ? integer(key) : absent;
  }

  double number(String key) throws ModelFormatException {
    JsonNode value = value(key);
    if (!value.isNumber()) {
      throw error("%s must be a number, got %s".formatted(prefix + key, value));
    }
    return value.asDouble();
  }

  double number(String key, double absent) throws ModelFormatException {
    return has(key) ? number(key) : absent;
  }

  boolean flag(String key, boolean absent) throws ModelFormatException {
    if (!has(key)) {
      return absent;
    }
    if (!node.get(key).isBoolean()) {
      throw error("%s must be true or false, got %s".formatted(prefix + key, node.get(key)));
    }
    return node.get(key).asBoolean();
  }

  String text(String key, String absent) {
    return has(key) ? node.get(key).asText() : absent;
  }

  /** A key that Moraine has one value of; absent or null is that value too. */
  void requireIfPresent(String key, Object only) throws ModelFormatException {
    if (has(key) && !same(node.get(key), only)) {
      throw error("%s must be %s, got %s".formatted(prefix + key, only, node.get(key)));
    }
  }

  /** A key whose list or object must have nothing in it. */
  void requireEmptyIfPresent(String key) throws ModelFormatException {
    if (has(key) && !node.get(key).isEmpty()) {
      throw error("%s must be empty, got %s".formatted(prefix + key, node.get(key)));
    }
  }

  /** A key that must not be there: what it asks for is not supported. */
  void refuse(String key, String reason) throws ModelFormatException {
    if (has(key)) {
      throw error("%s is not supported: %s".formatted(prefix + key, reason));
    }
  }

  /** Keys that change neither logits nor gradients. */
  void ignore(List<String> keys) {
    known.addAll(keys);
  }

  void requireNoOtherKeys() throws ModelFormatException {
    for (Map.Entry<String, JsonNode> field : node.properties()) {
      if (!known.contains(field.getKey())) {
        throw error(
            "%s is not known, and may change what the model computes, got %s"
                .formatted(prefix + field.getKey(), field.getValue()));
      }
    }
  }

  ModelFormatException error(String message) {
    return new ModelFormatException("%s: %s.".formatted(name, message));
  }

  private JsonNode value(String key) throws ModelFormatException {
    if (!has(key)) {
      throw error("%s is missing".formatted(prefix + key));
    }
    return node.get(key);
  }

  private static boolean same(JsonNode value, Object only) {
    return value.isNumber() && only instanceof Number number
        ? value.asDouble() == number.doubleValue()
        : Objects.equals(value.asText(), only.toString());
  }
}
