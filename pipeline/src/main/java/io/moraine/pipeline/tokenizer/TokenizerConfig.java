package io.moraine.pipeline.tokenizer;

import java.util.List;

/**
 * What tokenizer to train.
 *
 * @param vocabularySize number of ids, special tokens included; at least 256 and those
 * @param minFrequency pairs seen less often are not merged; {@code >= 1}
 * @param maxPieces most distinct pieces that merges are learned from; of more, the rarest are left
 *     out; {@code >= 1}
 * @param specialTokens ids 0 and on; {@link Tokenizer#END_OF_TEXT} among them, and none with the
 *     name of a byte
 */
public record TokenizerConfig(
    int vocabularySize, long minFrequency, long maxPieces, List<String> specialTokens) {

  public TokenizerConfig {
    specialTokens = List.copyOf(specialTokens);
    if (vocabularySize < 256 + specialTokens.size()) {
      throw new IllegalArgumentException(
          "vocabulary-size must be at least %d (256 bytes and %s), got %d"
              .formatted(
                  256 + specialTokens.size(), String.join(", ", specialTokens), vocabularySize));
    }
    if (minFrequency < 1) {
      throw new IllegalArgumentException(
          "min-frequency must be at least 1, got %d".formatted(minFrequency));
    }
    if (maxPieces < 1) {
      throw new IllegalArgumentException(
          "max-pieces must be at least 1, got %d".formatted(maxPieces));
    }
    if (!specialTokens.contains(Tokenizer.END_OF_TEXT)
        || specialTokens.stream().distinct().count() < specialTokens.size()) {
      throw new IllegalArgumentException(
          "special-tokens must be different and have %s among them, got %s"
              .formatted(Tokenizer.END_OF_TEXT, String.join(", ", specialTokens)));
    }
    for (String name : specialTokens) {
      if (name.isEmpty() || name.length() == 1 && ByteLevel.read(name).isPresent()) {
        throw new IllegalArgumentException(
            "special-tokens must not be empty and not the character that stands for a byte in a vocabulary, got \"%s\""
                .formatted(name));
      }
    }
  }
}
