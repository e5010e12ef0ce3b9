package io.moraine.pipeline.filter;

import io.moraine.pipeline.text.TextNormalizer;
import java.io.Serializable;
import java.util.List;

/**
 * What happens to a text before deduplication.
 *
 * @param normalize whether texts are brought to the form of {@link TextNormalizer}
 * @param stripLicenceHeaders whether leading comments that state a licence are cut
 * @param rules the rule sets that apply, in order
 */
public record CleanConfig(boolean normalize, boolean stripLicenceHeaders, List<RuleSet> rules)
    implements Serializable {

  public CleanConfig {
    rules = List.copyOf(rules);
  }

  /** Whether every text stays as it was read. */
  public boolean changesNothing() {
    return !normalize && !stripLicenceHeaders && rules.isEmpty();
  }

  /** Applies everything to a text as it was read. */
  public Verdict apply(String text) {
    String kept = normalize ? TextNormalizer.normalize(text) : text;
    kept = stripLicenceHeaders ? LicenceHeader.strip(kept) : kept;
    for (RuleSet rule : rules) {
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
