package io.moraine.pipeline.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.PatternSyntaxException;

/**
 * Hugging Face's {@code tokenizer.json} for byte-level BPE. Whatever a file asks for that would
 * change ids and is not supported is an error that names the key, never a silent difference.
 */
public final class TokenizerJson {

  private static final JsonMapper JSON = new JsonMapper();

  private TokenizerJson() {}

  /** The file's text; the same for the same tokenizer. */
  public static String write(Tokenizer tokenizer) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    writeAddedTokens(root.putArray("added_tokens"), tokenizer.model());
    root.putNull("normalizer");
    writePreTokenizer(root.putObject("pre_tokenizer"), tokenizer.preTokenizer());
    root.putNull("post_processor");
    byteLevel(root.putObject("decoder"), true);
    writeModel(root.putObject("model"), tokenizer.model());
    return root.toPrettyString() + "\n";
  }

  /** SHA-256 of a file's text, in hex. */
  public static String digest(String text) {
    try {
      byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError("unreachable: every JDK has SHA-256", e);
    }
  }

  /**
   * Reads a file's text.
   *
   * @throws TokenizerException if it is not such a file, or asks for something not supported
   */
  public static Tokenizer read(String text) {
    JsonNode root;
    try {
      root = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new TokenizerException("tokenizer.json is not JSON: " + e.getOriginalMessage());
    }
    requireNull(root, "normalizer");
    JsonNode model = root.path("model");
    requireText(model, "model.type", "type", "BPE");
    for (String key :
        List.of("dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix")) {
      if (!model.path(key).isMissingNode()
          && !model.path(key).asText("").isEmpty()
          && !model.path(key).isNull()) {
        throw unsupported("model." + key, model.path(key));
      }
    }
    for (String key : List.of("fuse_unk", "byte_fallback", "ignore_merges")) {
      if (model.path(key).asBoolean(false)) {
        throw unsupported("model." + key, model.path(key));
      }
    }
    try {
      return new Tokenizer(
          readModel(model, root.path("added_tokens")),
          new PreTokenizer(readPatterns(root.path("pre_tokenizer"))));
    } catch (PatternSyntaxException e) {
      throw new TokenizerException("pre_tokenizer pattern is not understood: " + e.getMessage());
    } catch (IllegalArgumentException e) {
      throw new TokenizerException("model.vocab: " + e.getMessage());
    }
  }

  private static void writeAddedTokens(ArrayNode added, BpeModel model) {
    for (int id : model.specialIds()) {
      added
          .addObject()
          .put("id", id)
          .put("content", new String(model.tokens().get(id), StandardCharsets.UTF_8))
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", false)
          .put("special", true);
    }
  }

  private static void writePreTokenizer(ObjectNode node, PreTokenizer preTokenizer) {
    node.put("type", "Sequence");
    ArrayNode steps = node.putArray("pretokenizers");
    for (String expression : preTokenizer.expressions()) {
      ObjectNode split = steps.addObject().put("type", "Split");
      split.putObject("pattern").put("Regex", expression);
      split.put("behavior", "Isolated").put("invert", false);
    }
    byteLevel(steps.addObject(), false);
  }

  private static void byteLevel(ObjectNode node, boolean useRegex) {
    node.put("type", "ByteLevel")
        .put("add_prefix_space", false)
        .put("trim_offsets", true)
        .put("use_regex", useRegex);
  }

  private static void writeModel(ObjectNode node, BpeModel model) {
    node.put("type", "BPE")
        .putNull("dropout")
        .putNull("unk_token")
        .putNull("continuing_subword_prefix")
        .putNull("end_of_word_suffix")
        .put("fuse_unk", false)
        .put("byte_fallback", false)
        .put("ignore_merges", false);
    ObjectNode vocab = node.putObject("vocab");
    List<String> names = new ArrayList<>();
    for (int id = 0; id < model.size(); id++) {
      byte[] token = model.tokens().get(id);
      boolean special = model.specialIds().contains(id);
      names.add(special ? new String(token, StandardCharsets.UTF_8) : ByteLevel.write(token));
      vocab.put(names.get(id), id);
    }
    ArrayNode merges = node.putArray("merges");
    for (BpeModel.Merge merge : model.merges()) {
      merges.addArray().add(names.get(merge.left())).add(names.get(merge.right()));
    }
  }

  private static BpeModel readModel(JsonNode model, JsonNode added) {
    Map<Integer, byte[]> tokens = new HashMap<>();
    Map<String, Integer> ids = new HashMap<>();
    List<Integer> special = new ArrayList<>();
    for (JsonNode token : added) {
      if (!token.path("special").asBoolean(false)) {
        throw unsupported("added_tokens[].special", token);
      }
      special.add(token.path("id").asInt());
      tokens.put(
          token.path("id").asInt(),
          token.path("content").asText().getBytes(StandardCharsets.UTF_8));
    }
    model
        .path("vocab")
        .fields()
        .forEachRemaining(
            entry -> {
              int id = entry.getValue().asInt();
              ids.put(entry.getKey(), id);
              if (!special.contains(id)) {
                tokens.put(
                    id,
                    ByteLevel.read(entry.getKey()).orElseThrow(() -> notByteLevel(entry.getKey())));
              }
            });
    byte[][] byId = new byte[tokens.size()][];
    tokens.forEach(
        (id, token) -> {
          if (id < 0 || id >= byId.length) {
            throw new TokenizerException(
                "model.vocab: ids must be 0 to %d without gaps, got %d"
                    .formatted(byId.length - 1, id));
          }
          byId[id] = token;
        });
    return new BpeModel(Arrays.asList(byId), readMerges(model.path("merges"), ids), special);
  }

  private static List<BpeModel.Merge> readMerges(JsonNode merges, Map<String, Integer> ids) {
    List<BpeModel.Merge> read = new ArrayList<>();
    for (JsonNode merge : merges) {
      String[] sides =
          merge.isArray() && merge.size() == 2
              ? new String[] {merge.get(0).asText(), merge.get(1).asText()}
              : merge.asText().split(" ", -1);
      Integer left = ids.get(sides[0]);
      Integer right = sides.length == 2 ? ids.get(sides[1]) : null;
      Integer result = left == null || right == null ? null : ids.get(sides[0] + sides[1]);
      if (result == null) {
        throw new TokenizerException(
            "model.merges[%d]: %s joins tokens that the vocabulary does not have"
                .formatted(read.size(), merge));
      }
      read.add(new BpeModel.Merge(left, right, result));
    }
    return read;
  }

  private static List<String> readPatterns(JsonNode node) {
    List<JsonNode> steps = new ArrayList<>();
    if (node.path("type").asText().equals("Sequence")) {
      node.path("pretokenizers").forEach(steps::add);
    } else {
      steps.add(node);
    }
    List<String> patterns = new ArrayList<>();
    boolean byteLevel = false;
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      if (byteLevel || !Set.of("Split", "ByteLevel").contains(type)) {
        throw unsupported("pre_tokenizer", step);
      }
      if (type.equals("ByteLevel")) {
        byteLevel = true;
        if (step.path("add_prefix_space").asBoolean(true)) {
          throw unsupported("pre_tokenizer.add_prefix_space", step);
        }
        if (step.path("use_regex").asBoolean(true)) {
          patterns.add(PreTokenizer.GPT2);
        }
      } else {
        patterns.add(readSplit(step));
      }
    }
    if (!byteLevel) {
      throw new TokenizerException("pre_tokenizer must end in ByteLevel, got " + node);
    }
    return patterns;
  }

  private static String readSplit(JsonNode step) {
    requireText(step, "pre_tokenizer.behavior", "behavior", "Isolated");
    JsonNode regex = step.path("pattern").path("Regex");
    if (step.path("invert").asBoolean(false) || !regex.isTextual()) {
      throw unsupported("pre_tokenizer", step);
    }
    return regex.asText();
  }

  private static void requireNull(JsonNode root, String key) {
    if (!root.path(key).isNull() && !root.path(key).isMissingNode()) {
      throw unsupported(key, root.path(key));
    }
  }

  private static void requireText(JsonNode node, String path, String key, String expected) {
    if (!node.path(key).asText().equals(expected)) {
      throw new TokenizerException(
          "%s must be %s, got %s".formatted(path, expected, node.path(key)));
    }
  }

  private static TokenizerException notByteLevel(String token) {
    return new TokenizerException(
        "model.vocab: token %s is not written in byte-level characters".formatted(token));
  }

  private static TokenizerException unsupported(String key, JsonNode value) {
    return new TokenizerException("%s is not supported: %s".formatted(key, value));
  }
}
