package io.moraine.pipeline.tokenizer;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;

/**
 * What a rank file does not say of its tokenizer.
 *
 * @param pattern what cuts a text into pieces; empty: no rank file is expected
 * @param specialTokens {@code NAME=ID} each; different names, ids from 0 to 2^24 - 1
 */
public record RankFileConfig(Optional<PublishedPattern> pattern, List<String> specialTokens) {

  public RankFileConfig {
    specialTokens = List.copyOf(specialTokens);
    specialIds(specialTokens);
  }

  /** Whether it says nothing. */
  public boolean isEmpty() {
    return pattern.isEmpty() && specialTokens.isEmpty();
  }

  /** Ids by name. */
  Map<String, Integer> specialIds() {
    return specialIds(specialTokens);
  }

  private static Map<String, Integer> specialIds(List<String> specialTokens) {
    Map<String, Integer> ids = new TreeMap<>();
    for (String token : specialTokens) {
      int at = token.lastIndexOf('=');
      String id = token.substring(at + 1);
      if (at < 1 || !id.matches("[0-9]{1,8}") || Integer.parseInt(id) >= RankFile.MOST_RANKS) {
        throw new IllegalArgumentException(
            "special-tokens must be NAME=ID with ids below %d, got %s"
                .formatted(RankFile.MOST_RANKS, token));
      }
      if (ids.put(token.substring(0, at), Integer.valueOf(id)) != null) {
        throw new IllegalArgumentException(
            "special-tokens must have different names, got two of " + token.substring(0, at));
      }
    }
    return ids;
  }
}
