package io.moraine.pipeline.language;

import java.io.Serializable;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Whether languages are looked for, and which documents are kept for theirs.
 *
 * @param enabled whether languages are looked for
 * @param keep codes of the languages to keep; empty keeps all
 * @param minConfidence smallest confidence of a document that is kept for its language; in [0, 1]
 */
public record LanguageConfig(boolean enabled, List<String> keep, double minConfidence)
    implements Serializable {

  public LanguageConfig {
    keep = List.copyOf(keep);
    for (String code : keep) {
      if (!LanguageCodes.ALL.contains(code)) {
        throw new IllegalArgumentException(
            "keep must name languages of %s, got %s"
                .formatted(String.join(", ", LanguageCodes.ALL), code));
      }
    }
    if (!(minConfidence >= 0 && minConfidence <= 1)) {
      throw new IllegalArgumentException("min-confidence must be in [0, 1], got " + minConfidence);
    }
    if (!enabled && !keep.isEmpty()) {
      throw new IllegalArgumentException(
          "keep = [%s] needs enabled = true".formatted(String.join(", ", keep)));
    }
  }

  /** No language is looked for. */
  public static LanguageConfig disabled() {
    return new LanguageConfig(false, List.of(), 0);
  }

  /** Why a document of this language is not kept, measured value and threshold; empty if it is. */
  public Optional<String> objection(DetectedLanguage found) {
    if (keep.isEmpty() || keep.contains(found.code()) && found.confidence() >= minConfidence) {
      return Optional.empty();
    }
    return Optional.of(
        String.format(
            Locale.ROOT,
            "%s %.2f, kept: %s >= %s",
            found.code(),
            found.confidence(),
            String.join(", ", keep),
            minConfidence));
  }
}
