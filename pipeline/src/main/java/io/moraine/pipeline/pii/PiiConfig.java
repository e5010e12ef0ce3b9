package io.moraine.pipeline.pii;

import java.io.Serializable;
import java.util.Map;

/**
 * What is replaced by what.
 *
 * @param replacements the text for each kind that is looked for; empty looks for nothing
 */
public record PiiConfig(Map<PiiKind, String> replacements) implements Serializable {

  public PiiConfig {
    replacements = Map.copyOf(replacements);
    for (String text : replacements.values()) {
      for (PiiKind kind : PiiKind.values()) {
        kind.find(text, (start, end) -> refuse(text, kind));
      }
      if (text.isBlank()) {
        throw new IllegalArgumentException("replacements must not be blank");
      }
    }
  }

  /** Nothing is replaced. */
  public static PiiConfig disabled() {
    return new PiiConfig(Map.of());
  }

  private static void refuse(String text, PiiKind kind) {
    throw new IllegalArgumentException(
        "replacements must not be personal data themselves, got %s (%s)"
            .formatted(text, kind.name().toLowerCase(java.util.Locale.ROOT)));
  }
}
