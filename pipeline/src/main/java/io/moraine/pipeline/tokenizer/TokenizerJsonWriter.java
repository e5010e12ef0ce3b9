package io.moraine.pipeline.tokenizer;

import com.fasterxml.jackson.databind.json.JsonMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.ArrayList;
import java.util.List;

/**
 * Writes {@code tokenizer.json}.
 *
 * <p>Added tokens stand in {@code model.vocab} too: Hugging Face gives an added token that the
 * vocabulary does not have the next free id, whatever the file says.
 */
final class TokenizerJsonWriter {

  private static final JsonMapper JSON = new JsonMapper();

  private TokenizerJsonWriter() {}

  static String write(Tokenizer tokenizer) {
    ObjectNode root = JSON.createObjectNode();
    root.put("version", "1.0").putNull("truncation").putNull("padding");
    writeAddedTokens(root.putArray("added_tokens"), tokenizer.model());
    if (tokenizer.normalization() == Normalization.NFC) {
      root.putObject("normalizer").put("type", "NFC");
    } else {
      root.putNull("normalizer");
    }
    writePreTokenizer(root.putObject("pre_tokenizer"), tokenizer.preTokenizer());
    root.putNull("post_processor");
    byteLevel(root.putObject("decoder"), true);
    writeModel(root.putObject("model"), tokenizer.model());
    return root.toPrettyString() + "\n";
  }

  private static void writeAddedTokens(ArrayNode added, BpeModel model) {
    for (AddedToken token : model.addedTokens()) {
      added
          .addObject()
          .put("id", token.id())
          .put("content", token.content())
          .put("single_word", false)
          .put("lstrip", false)
          .put("rstrip", false)
          .put("normalized", token.normalized())
          .put("special", token.special());
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
        .put("ignore_merges", model.ignoresMerges());
    ObjectNode vocab = node.putObject("vocab");
    List<String> names = names(model);
    for (int id = 0; id < names.size(); id++) {
      String name = names.get(id);
      if (!name.isEmpty() && vocab.replace(name, vocab.numberNode(id)) != null) {
        throw new TokenizerException(
            "tokenizer.json cannot have two tokens of one name: %s".formatted(name));
      }
    }
    ArrayNode merges = node.putArray("merges");
    for (BpeModel.Merge merge : model.merges()) {
      merges.addArray().add(names.get(merge.left())).add(names.get(merge.right()));
    }
  }

  private static List<String> names(BpeModel model) {
    List<String> names = new ArrayList<>();
    model.tokens().forEach(token -> names.add(ByteLevel.write(token)));
    model.addedTokens().forEach(added -> names.set(added.id(), added.content()));
    return names;
  }
}
