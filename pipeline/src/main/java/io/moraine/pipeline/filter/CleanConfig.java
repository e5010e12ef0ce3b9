package io.moraine.pipeline.filter;

import java.io.Serializable;
import java.util.List;

/**
 * What happens to a normalised text.
 *
 * @param stripLicenceHeaders whether leading comments that state a licence are cut
 * @param rules the rule sets that apply, in order
 */
public record CleanConfig(boolean stripLicenceHeaders, List<RuleSet> rules)
    implements Serializable {

  public CleanConfig {
    rules = List.copyOf(rules);
  }

  /** Applies everything to a normalised text. */
  public Verdict apply(String text) {
    String kept = stripLicenceHeaders ? LicenceHeader.strip(text) : text;
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
