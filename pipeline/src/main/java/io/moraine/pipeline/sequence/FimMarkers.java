package io.moraine.pipeline.sequence;

import io.moraine.pipeline.tokenizer.BpeModel;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * The special tokens of a document whose middle was moved to its end: {@code begin prefix hole
 * suffix end middle}.
 *
 * @param begin before the prefix
 * @param hole before the suffix, where the middle was
 * @param end before the middle
 */
public record FimMarkers(int begin, int hole, int end) implements Serializable {

  /** What is added to a vocabulary. */
  public static final int COUNT = 3;

  /** What known vocabularies call them: ours, DeepSeek's, OpenAI's and Qwen's, StarCoder's. */
  private static final List<List<String>> NAMES =
      List.of(
          List.of("<|fim_begin|>", "<|fim_hole|>", "<|fim_end|>"),
          List.of(
              "<\uff5cfim\u2581begin\uff5c>",
              "<\uff5cfim\u2581hole\uff5c>",
              "<\uff5cfim\u2581end\uff5c>"),
          List.of("<|fim_prefix|>", "<|fim_suffix|>", "<|fim_middle|>"),
          List.of("<fim_prefix>", "<fim_suffix>", "<fim_middle>"));

  /** The markers of a vocabulary; empty if it has none of the known names. */
  public static Optional<FimMarkers> of(Tokenizer tokenizer) {
    for (List<String> names : NAMES) {
      List<Integer> ids =
          names.stream().flatMap(name -> tokenizer.specialId(name).stream()).toList();
      if (ids.size() == COUNT) {
        return Optional.of(new FimMarkers(ids.get(0), ids.get(1), ids.get(2)));
      }
    }
    return Optional.empty();
  }

  /** What {@link #of} looks for, for people. */
  public static String names() {
    return String.join(", or ", NAMES.stream().map(names -> String.join(" ", names)).toList());
  }

  /**
   * A tokenizer that we trained, with markers behind its other ids.
   *
   * @param tokenizer whose added tokens are all special
   */
  public static Tokenizer addedTo(Tokenizer tokenizer) {
    List<byte[]> tokens = new ArrayList<>(tokenizer.model().tokens());
    List<Integer> specialIds = new ArrayList<>();
    tokenizer.model().addedTokens().forEach(added -> specialIds.add(added.id()));
    for (String name : NAMES.get(0)) {
      specialIds.add(tokens.size());
      tokens.add(name.getBytes(StandardCharsets.UTF_8));
    }
    BpeModel model = new BpeModel(tokens, tokenizer.model().merges(), specialIds);
    return new Tokenizer(model, tokenizer.preTokenizer());
  }
}
