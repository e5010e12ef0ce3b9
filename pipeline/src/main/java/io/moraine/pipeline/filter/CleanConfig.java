package io.moraine.pipeline.filter;

import io.moraine.pipeline.language.LanguageConfig;
import io.moraine.pipeline.pii.PiiConfig;
import io.moraine.pipeline.text.BoilerplateLines;
import io.moraine.pipeline.text.TextNormalizer;
import java.io.Serializable;
import java.util.List;

/**
 * What happens to a text before deduplication; {@link TextCleaner} does it.
 *
 * @param normalize whether texts are brought to the form of {@link TextNormalizer}
 * @param stripLicenceHeaders whether leading comments that state a licence are cut
 * @param boilerplate regular expressions of lines to cut; empty cuts none
 * @param language whether languages are looked for, and which are kept
 * @param rules the rule sets that apply, in order
 * @param pii what is replaced; nothing if it is empty
 */
public record CleanConfig(
    boolean normalize,
    boolean stripLicenceHeaders,
    List<String> boilerplate,
    LanguageConfig language,
    List<RuleSet> rules,
    PiiConfig pii)
    implements Serializable {

  public CleanConfig {
    boilerplate = List.copyOf(boilerplate);
    rules = List.copyOf(rules);
    BoilerplateLines.check(boilerplate);
  }

  /** Texts stay as they came. */
  public static CleanConfig unchanged() {
    return new CleanConfig(
        false, false, List.of(), LanguageConfig.disabled(), List.of(), PiiConfig.disabled());
  }

  /** Whether every text stays as it was read. */
  public boolean changesNothing() {
    return equals(unchanged());
  }
}
