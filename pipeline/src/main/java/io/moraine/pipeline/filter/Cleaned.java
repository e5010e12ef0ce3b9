package io.moraine.pipeline.filter;

import io.moraine.pipeline.language.DetectedLanguage;
import io.moraine.pipeline.pii.PiiKind;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * What became of a text and what was measured on the way.
 *
 * @param verdict the text as it goes on, or why it does not
 * @param boilerplateLines lines cut as boilerplate; empty if none are looked for
 * @param language empty if languages are not looked for
 * @param replacements by kind looked for; empty for a rejected text
 */
public record Cleaned(
    Verdict verdict,
    OptionalInt boilerplateLines,
    Optional<DetectedLanguage> language,
    Map<PiiKind, Integer> replacements) {}
