package io.moraine.pipeline.sequence;

import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;
import java.util.stream.Stream;

/**
 * The special tokens of a document whose middle was moved to its end: {@code begin prefix hole
 * suffix end middle}.
 *
 * @param begin before the prefix
 * @param hole before the suffix, where the middle was
 * @param end before the middle
 */
public record FimMarkers(int begin, int hole, int end) implements Serializable {

  /** How many there are. */
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

  /** Special tokens of a vocabulary to train, with ours behind them if they have no markers. */
  public static List<String> addedTo(List<String> specialTokens) {
    return NAMES.stream().anyMatch(specialTokens::containsAll)
        ? specialTokens
        : Stream.concat(specialTokens.stream(), NAMES.get(0).stream()).distinct().toList();
  }
}
