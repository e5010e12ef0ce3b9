package io.moraine.pipeline.tokenizer;

/**
 * What tokenizer to train.
 *
 * @param vocabularySize number of ids, special tokens included; at least 257
 * @param minFrequency pairs seen less often are not merged; {@code >= 1}
 */
public record TokenizerConfig(int vocabularySize, long minFrequency) {

  public TokenizerConfig {
    if (vocabularySize < 257) {
      throw new IllegalArgumentException(
          "vocabulary-size must be at least 257 (256 bytes and %s), got %d"
              .formatted(Tokenizer.END_OF_TEXT, vocabularySize));
    }
    if (minFrequency < 1) {
      throw new IllegalArgumentException(
          "min-frequency must be at least 1, got %d".formatted(minFrequency));
    }
  }
}
