package io.moraine.pipeline.filter;

import io.moraine.pipeline.language.DetectedLanguage;
import io.moraine.pipeline.language.LanguageDetector;
import io.moraine.pipeline.pii.PiiScrubber;
import io.moraine.pipeline.text.BoilerplateLines;
import io.moraine.pipeline.text.TextNormalizer;
import java.util.Map;
import java.util.Optional;
import java.util.OptionalInt;

/**
 * Applies a {@link CleanConfig}: normal form, licence headers, boilerplate, language, quality
 * rules, personal data, in this order (RATIONALE.md says why). One per task; not safe for several
 * threads.
 */
public final class TextCleaner {

  private final CleanConfig config;
  private final BoilerplateLines boilerplate;
  private final Optional<LanguageDetector> languages;
  private final PiiScrubber scrubber;

  /** A cleaner; loads the language model of this JVM if languages are looked for. */
  public TextCleaner(CleanConfig config) {
    this.config = config;
    boilerplate = new BoilerplateLines(config.boilerplate());
    languages =
        config.language().enabled() ? Optional.of(new LanguageDetector()) : Optional.empty();
    scrubber = new PiiScrubber(config.pii());
  }

  /** Cleans a text as it was read. */
  public Cleaned clean(String read) {
    String text = config.normalize() ? TextNormalizer.normalize(read) : read;
    text = config.stripLicenceHeaders() ? LicenceHeader.strip(text) : text;
    OptionalInt lines = OptionalInt.empty();
    if (!config.boilerplate().isEmpty()) {
      BoilerplateLines.Outcome outcome = boilerplate.cut(text);
      text = outcome.text();
      lines = OptionalInt.of(outcome.lines());
    }
    String body = text;
    Optional<DetectedLanguage> language = languages.map(detector -> detector.detect(body));
    Verdict verdict = judge(body, language);
    if (verdict instanceof Kept kept) {
      PiiScrubber.Scrubbed scrubbed = scrubber.scrub(kept.text());
      return new Cleaned(new Kept(scrubbed.text()), lines, language, scrubbed.replacements());
    }
    return new Cleaned(verdict, lines, language, Map.of());
  }

  private Verdict judge(String text, Optional<DetectedLanguage> language) {
    Optional<String> objection = language.flatMap(config.language()::objection);
    if (objection.isPresent()) {
      return new Rejection("language", objection.get());
    }
    String kept = text;
    for (RuleSet rule : config.rules()) {
      Verdict verdict = rule.apply(kept);
      if (verdict instanceof Kept next) {
        kept = next.text();
      } else {
        return verdict;
      }
    }
    return new Kept(kept);
  }
}
