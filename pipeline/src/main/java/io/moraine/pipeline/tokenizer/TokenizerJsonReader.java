package io.moraine.pipeline.tokenizer;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;

/** Reads {@code tokenizer.json}: every key is either understood or named as not supported. */
final class TokenizerJsonReader {

  private static final JsonMapper JSON =
      JsonMapper.builder()
          .enable(DeserializationFeature.FAIL_ON_READING_DUP_TREE_KEY)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .build();

  /** Ids above are taken for a damaged file. */
  private static final int MOST_IDS = 1 << 24;

  private static final Set<String> ROOT_KEYS =
      Set.of(
          "version",
          "truncation",
          "padding",
          "added_tokens",
          "normalizer",
          "pre_tokenizer",
          "post_processor",
          "decoder",
          "model");

  private static final Set<String> ADDED_TOKEN_KEYS =
      Set.of("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");

  private static final Set<String> BYTE_LEVEL_KEYS =
      Set.of("type", "add_prefix_space", "trim_offsets", "use_regex");

  /** What becomes of unknown tokens has no effect where every byte has a token. */
  private static final Set<String> MODEL_KEYS =
      Set.of(
          "type",
          "dropout",
          "unk_token",
          "continuing_subword_prefix",
          "end_of_word_suffix",
          "fuse_unk",
          "byte_fallback",
          "ignore_merges",
          "vocab",
          "merges");

  private TokenizerJsonReader() {}

  static Tokenizer read(String text) {
    JsonNode root;
    try {
      root = JSON.readTree(text);
    } catch (JsonProcessingException e) {
      String complaint =
          e.getOriginalMessage().replaceFirst(" for `ObjectNode`: not allowed.*", "");
      throw new TokenizerException("tokenizer.json is not JSON: " + complaint);
    }
    requireKeys(root, "", ROOT_KEYS);
    if (!isMissingOr(root.path("version"), "1.0")) {
      throw unsupported("version", root.path("version"));
    }
    for (String key : List.of("truncation", "padding")) {
      if (isPresent(root.path(key))) {
        throw unsupported(key, root.path(key));
      }
    }
    checkPostProcessor(root.path("post_processor"));
    checkDecoder(root.path("decoder"));
    List<AddedToken> added = readAddedTokens(root);
    Normalization normalization = readNormalizer(root.path("normalizer"));
    if (normalization == Normalization.NFC) {
      requireComposed(added);
    }
    try {
      return new Tokenizer(
          readModel(root.path("model"), added),
          readPreTokenizer(root.path("pre_tokenizer")),
          normalization);
    } catch (IllegalArgumentException e) {
      throw new TokenizerException("model.vocab: " + e.getMessage());
    }
  }

  /** Hugging Face composes the content too, and finds the token where ours would not. */
  private static void requireComposed(List<AddedToken> added) {
    for (AddedToken token : added) {
      byte[] content = token.utf8();
      if (token.normalized()
          && !Arrays.equals(content, Nfc.normalized(content, 0, content.length))) {
        throw new TokenizerException(
            "added_tokens: %s is looked for in NFC text, so it must be NFC itself"
                .formatted(token.content()));
      }
    }
  }

  /** Those that change no id of the text itself. */
  private static void checkPostProcessor(JsonNode node) {
    switch (isPresent(node) ? node.path("type").asText() : "") {
      case "ByteLevel" -> checkByteLevel(node, "post_processor");
      case "TemplateProcessing" ->
          requireKeys(node, "post_processor", Set.of("type", "single", "pair", "special_tokens"));
      case "Sequence" -> {
        requireKeys(node, "post_processor", Set.of("type", "processors"));
        objects(node, "post_processor", "processors")
            .forEach(TokenizerJsonReader::checkPostProcessor);
      }
      default -> {
        if (isPresent(node)) {
          throw unsupported("post_processor", node);
        }
      }
    }
  }

  private static void checkDecoder(JsonNode node) {
    if (!isPresent(node)) {
      return;
    }
    if (!node.path("type").asText().equals("ByteLevel")) {
      throw unsupported("decoder", node);
    }
    checkByteLevel(node, "decoder");
  }

  private static void checkByteLevel(JsonNode node, String path) {
    requireKeys(node, path, BYTE_LEVEL_KEYS);
    for (String key : List.of("add_prefix_space", "trim_offsets", "use_regex")) {
      readBoolean(node, path, key, true);
    }
  }

  private static Normalization readNormalizer(JsonNode node) {
    if (!isPresent(node)) {
      return Normalization.NONE;
    }
    switch (node.path("type").asText()) {
      case "NFC" -> {
        requireKeys(node, "normalizer", Set.of("type"));
        return Normalization.NFC;
      }
      case "Sequence" -> {
        requireKeys(node, "normalizer", Set.of("type", "normalizers"));
        Normalization all = Normalization.NONE;
        for (JsonNode step : objects(node, "normalizer", "normalizers")) {
          all = readNormalizer(step) == Normalization.NFC ? Normalization.NFC : all;
        }
        return all;
      }
      default -> throw unsupported("normalizer", node);
    }
  }

  private static List<AddedToken> readAddedTokens(JsonNode root) {
    List<AddedToken> added = new ArrayList<>();
    if (!root.has("added_tokens")) {
      return added;
    }
    for (JsonNode node : objects(root, "", "added_tokens")) {
      String path = "added_tokens[%d]".formatted(added.size());
      requireKeys(node, path, ADDED_TOKEN_KEYS);
      for (String key : List.of("single_word", "lstrip", "rstrip")) {
        if (readBoolean(node, path, key, false)) {
          throw unsupported(path + "." + key, node);
        }
      }
      int id = readId(node.path("id"), path + ".id");
      String content = node.path("content").asText();
      if (content.isEmpty() || !node.path("content").isTextual()) {
        throw new TokenizerException(path + ".content must be a text and not empty, got " + node);
      }
      boolean special = readBoolean(node, path, "special", false);
      boolean normalized = readBoolean(node, path, "normalized", !special);
      added.add(new AddedToken(id, content, special, normalized));
    }
    return added;
  }

  private static PreTokenizer readPreTokenizer(JsonNode node) {
    List<JsonNode> steps = new ArrayList<>();
    addSteps(node, steps);
    List<String> patterns = new ArrayList<>();
    boolean byteLevel = false;
    for (JsonNode step : steps) {
      String type = step.path("type").asText();
      if (byteLevel || !Set.of("Split", "ByteLevel").contains(type)) {
        throw unsupported("pre_tokenizer", step);
      }
      if (type.equals("ByteLevel")) {
        byteLevel = true;
        readByteLevel(step).ifPresent(patterns::add);
      } else {
        patterns.add(readSplit(step));
      }
    }
    if (!byteLevel) {
      throw new TokenizerException("pre_tokenizer must end in ByteLevel, got " + node);
    }
    return new PreTokenizer(patterns);
  }

  private static void addSteps(JsonNode node, List<JsonNode> steps) {
    if (node.path("type").asText().equals("Sequence")) {
      requireKeys(node, "pre_tokenizer", Set.of("type", "pretokenizers"));
      objects(node, "pre_tokenizer", "pretokenizers").forEach(step -> addSteps(step, steps));
    } else {
      steps.add(node);
    }
  }

  private static Optional<String> readByteLevel(JsonNode step) {
    checkByteLevel(step, "pre_tokenizer");
    if (readBoolean(step, "pre_tokenizer", "add_prefix_space", true)) {
      throw unsupported("pre_tokenizer.add_prefix_space", step);
    }
    return readBoolean(step, "pre_tokenizer", "use_regex", true)
        ? Optional.of(PreTokenizer.GPT2)
        : Optional.empty();
  }

  /** Matches and gaps as pieces; or matches alone, if the pattern leaves no gaps. */
  private static String readSplit(JsonNode step) {
    requireKeys(step, "pre_tokenizer", Set.of("type", "pattern", "behavior", "invert"));
    JsonNode regex = step.path("pattern").path("Regex");
    if (!regex.isTextual()) {
      throw unsupported("pre_tokenizer.pattern", step);
    }
    requireKeys(step.path("pattern"), "pre_tokenizer.pattern", Set.of("Regex"));
    String behavior = step.path("behavior").asText();
    boolean invert = readBoolean(step, "pre_tokenizer", "invert", false);
    boolean isolated = behavior.equals("Isolated") && !invert;
    boolean kept = behavior.equals("Removed") && invert;
    if (!isolated && !(kept && PreTokenizer.isWithoutGaps(regex.asText()))) {
      throw unsupported("pre_tokenizer.behavior", step);
    }
    return regex.asText();
  }

  private static BpeModel readModel(JsonNode model, List<AddedToken> added) {
    requireKeys(model, "model", MODEL_KEYS);
    if (!isMissingOr(model.path("type"), "BPE")) {
      throw new TokenizerException("model.type must be BPE, got " + model.path("type"));
    }
    JsonNode dropout = model.path("dropout");
    if (isPresent(dropout) && !(dropout.isNumber() && dropout.doubleValue() == 0)) {
      throw unsupported("model.dropout", dropout);
    }
    for (String key : List.of("continuing_subword_prefix", "end_of_word_suffix")) {
      if (isPresent(model.path(key)) && !isMissingOr(model.path(key), "")) {
        throw unsupported("model." + key, model.path(key));
      }
    }
    readBoolean(model, "model", "fuse_unk", false);
    readBoolean(model, "model", "byte_fallback", false);
    Map<String, Integer> ids = readVocabulary(model.path("vocab"));
    return new BpeModel(
        tokens(ids, added),
        readMerges(model, ids, added),
        added,
        readBoolean(model, "model", "ignore_merges", false));
  }

  private static Map<String, Integer> readVocabulary(JsonNode vocab) {
    requireObject(vocab, "model.vocab");
    Map<String, Integer> ids = new HashMap<>();
    for (Iterator<Map.Entry<String, JsonNode>> i = vocab.fields(); i.hasNext(); ) {
      Map.Entry<String, JsonNode> entry = i.next();
      ids.put(entry.getKey(), readId(entry.getValue(), "model.vocab." + entry.getKey()));
    }
    return ids;
  }

  private static List<byte[]> tokens(Map<String, Integer> ids, List<AddedToken> added) {
    requireNextFreeIds(ids, added);
    Map<Integer, byte[]> byId = new HashMap<>();
    for (AddedToken token : added) {
      if (byId.put(token.id(), token.utf8()) != null
          || ids.getOrDefault(token.content(), token.id()) != token.id()) {
        throw new TokenizerException(
            "added_tokens: %s has the id %d, which is another token's, or another in the vocabulary"
                .formatted(token.content(), token.id()));
      }
    }
    Set<Integer> addedIds = Set.copyOf(byId.keySet());
    ids.forEach(
        (name, id) -> {
          byte[] token = addedIds.contains(id) ? byId.get(id) : readName(name);
          byte[] other = byId.put(id, token);
          if (other != null && other != token) {
            throw new TokenizerException("model.vocab has two tokens of id %d".formatted(id));
          }
        });
    List<byte[]> tokens = new ArrayList<>();
    for (int id = 0, left = byId.size(); left > 0; id++) {
      byte[] token = byId.get(id);
      left -= token == null ? 0 : 1;
      tokens.add(token == null ? new byte[0] : token);
    }
    return tokens;
  }

  /**
   * Hugging Face gives an added token that the vocabulary does not have the next free id, whatever
   * the file says: the number of ids in the vocabulary, or the one behind the largest given so far.
   */
  private static void requireNextFreeIds(Map<String, Integer> ids, List<AddedToken> added) {
    Set<String> contents = new HashSet<>();
    int next = ids.size();
    for (AddedToken token : added) {
      if (!contents.add(token.content())) {
        throw new TokenizerException("added_tokens has %s twice".formatted(token.content()));
      }
      if (!ids.containsKey(token.content()) && token.id() != next) {
        throw new TokenizerException(
            "added_tokens: %s is not in model.vocab, so its id must be the next free one, %d, got %d"
                .formatted(token.content(), next, token.id()));
      }
      next = Math.max(next, token.id() + 1);
    }
  }

  private static byte[] readName(String name) {
    return ByteLevel.read(name)
        .orElseThrow(
            () ->
                new TokenizerException(
                    "model.vocab: token %s is not written in byte-level characters"
                        .formatted(name)));
  }

  private static List<BpeModel.Merge> readMerges(
      JsonNode model, Map<String, Integer> ids, List<AddedToken> added) {
    Set<String> notMerged = new HashSet<>();
    for (AddedToken token : added) {
      if (!token.content().chars().allMatch(c -> c > ' ' && c <= '~')) {
        notMerged.add(token.content());
      }
    }
    List<BpeModel.Merge> read = new ArrayList<>();
    for (JsonNode merge : array(model, "model", "merges")) {
      String[] sides = sides(merge);
      Integer left = sides.length == 2 ? ids.get(sides[0]) : null;
      Integer right = sides.length == 2 ? ids.get(sides[1]) : null;
      Integer result = left == null || right == null ? null : ids.get(sides[0] + sides[1]);
      if (result == null) {
        throw new TokenizerException(
            "model.merges[%d]: %s joins tokens that the vocabulary does not have"
                .formatted(read.size(), merge));
      }
      if (notMerged.contains(sides[0] + sides[1])) {
        throw new TokenizerException(
            "model.merges[%d]: %s makes an added token, of other bytes"
                .formatted(read.size(), merge));
      }
      read.add(new BpeModel.Merge(left, right, result));
    }
    return read;
  }

  /** Of a merge in either form; none of what is neither. */
  private static String[] sides(JsonNode merge) {
    if (merge.isTextual()) {
      return merge.textValue().split(" ", -1);
    }
    boolean isPair = merge.size() == 2 && merge.path(0).isTextual() && merge.path(1).isTextual();
    return isPair
        ? new String[] {merge.get(0).textValue(), merge.get(1).textValue()}
        : new String[0];
  }

  private static int readId(JsonNode node, String path) {
    if (!node.isInt() || node.intValue() < 0 || node.intValue() >= MOST_IDS) {
      throw new TokenizerException(
          "%s must be an id from 0 to %,d, got %s".formatted(path, MOST_IDS - 1, node));
    }
    return node.intValue();
  }

  private static boolean readBoolean(JsonNode node, String path, String key, boolean absent) {
    JsonNode value = node.path(key);
    if (!value.isBoolean() && !value.isMissingNode()) {
      throw new TokenizerException(
          "%s must be true or false, got %s".formatted(path + "." + key, value));
    }
    return value.asBoolean(absent);
  }

  private static JsonNode array(JsonNode node, String path, String key) {
    JsonNode value = node.path(key);
    if (!value.isArray()) {
      throw new TokenizerException(
          "%s must be an array, got %s"
              .formatted(joined(path, key), value.isMissingNode() ? "nothing" : value));
    }
    return value;
  }

  private static JsonNode objects(JsonNode node, String path, String key) {
    JsonNode elements = array(node, path, key);
    elements.forEach(element -> requireObject(element, "a part of " + joined(path, key)));
    return elements;
  }

  private static void requireObject(JsonNode node, String path) {
    if (!node.isObject()) {
      throw new TokenizerException(
          "%s must be an object, got %s".formatted(path, node.isMissingNode() ? "nothing" : node));
    }
  }

  private static void requireKeys(JsonNode node, String path, Set<String> known) {
    requireObject(node, path.isEmpty() ? "tokenizer.json" : path);
    for (Iterator<String> keys = node.fieldNames(); keys.hasNext(); ) {
      String key = keys.next();
      if (!known.contains(key)) {
        throw unsupported(joined(path, key), node.path(key));
      }
    }
  }

  private static String joined(String path, String key) {
    return path.isEmpty() ? key : path + "." + key;
  }

  private static boolean isMissingOr(JsonNode node, String text) {
    return node.isMissingNode() || node.isTextual() && node.textValue().equals(text);
  }

  private static boolean isPresent(JsonNode node) {
    return !node.isNull() && !node.isMissingNode();
  }

  private static TokenizerException unsupported(String key, JsonNode value) {
    return new TokenizerException("%s is not supported: %s".formatted(key, value));
  }
}
