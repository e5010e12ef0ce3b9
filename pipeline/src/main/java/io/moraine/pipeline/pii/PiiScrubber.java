package io.moraine.pipeline.pii;

import java.util.EnumMap;
import java.util.Map;

/**
 * Replaces personal data in a text; a pure function of it.
 *
 * <p>Scrubs again until a pass finds nothing: a number beside one that was replaced may stand alone
 * only now. So scrubbing what was scrubbed changes nothing.
 *
 * @cost linear in the text, once per kind and pass; two passes for most texts with personal data
 */
public final class PiiScrubber {

  /** Texts made to need more passes keep what is left then; bounds the cost. */
  private static final int MAX_PASSES = 8;

  private final PiiConfig config;

  public PiiScrubber(PiiConfig config) {
    this.config = config;
  }

  /**
   * A text without personal data.
   *
   * @param text the text itself if nothing was replaced
   * @param replacements number of each kind that was looked for, zeros included
   */
  public record Scrubbed(String text, Map<PiiKind, Integer> replacements) {

    public Scrubbed {
      replacements = Map.copyOf(replacements);
    }
  }

  /** Replaces everything that the configuration asks for; what is between stays as it is. */
  public Scrubbed scrub(String text) {
    Map<PiiKind, Integer> counts = new EnumMap<>(PiiKind.class);
    config.replacements().keySet().forEach(kind -> counts.put(kind, 0));
    String current = text;
    for (int pass = 0; pass < MAX_PASSES; pass++) {
      String before = current;
      for (PiiKind kind : counts.keySet()) {
        current = replace(current, kind, counts);
      }
      if (current.equals(before)) {
        break;
      }
    }
    return new Scrubbed(current, counts);
  }

  private String replace(String text, PiiKind kind, Map<PiiKind, Integer> counts) {
    Replacer replacer = new Replacer(text, config.replacements().get(kind));
    kind.find(text, replacer::replace);
    counts.merge(kind, replacer.count, Integer::sum);
    return replacer.result();
  }

  /** Copies a text with other words in some places. */
  private static final class Replacer {

    private final String text;
    private final String replacement;
    private final StringBuilder out = new StringBuilder();
    private int copied;
    private int count;

    Replacer(String text, String replacement) {
      this.text = text;
      this.replacement = replacement;
    }

    void replace(int start, int end) {
      out.append(text, copied, start).append(replacement);
      copied = end;
      count++;
    }

    String result() {
      return count == 0 ? text : out.append(text, copied, text.length()).toString();
    }
  }
}
