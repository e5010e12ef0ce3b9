package io.moraine.pipeline.tokenizer;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Collectors;

/**
 * A byte-level BPE vocabulary: the bytes of every token and the merges in the order of their rank.
 *
 * @param tokens bytes by id, those of an added token its content in UTF-8; no bytes: an unused id
 * @param merges merges, the first learned first
 * @param addedTokens tokens that take part in no merge
 * @param ignoresMerges whether a piece that is a token becomes it, whatever the merges say
 */
public record BpeModel(
    List<byte[]> tokens, List<Merge> merges, List<AddedToken> addedTokens, boolean ignoresMerges) {

  /**
   * Two tokens that become one.
   *
   * @param left id of the left token
   * @param right id of the right token
   * @param result id of the token that both become
   */
  public record Merge(int left, int right, int result) {}

  public BpeModel {
    tokens = List.copyOf(tokens);
    merges = List.copyOf(merges);
    addedTokens = List.copyOf(addedTokens);
    for (AddedToken added : addedTokens) {
      if (added.id() >= tokens.size() || !Arrays.equals(tokens.get(added.id()), added.utf8())) {
        throw new IllegalArgumentException(
            "the added token %s has id %d, which has other bytes"
                .formatted(added.content(), added.id()));
      }
    }
  }

  /**
   * A vocabulary whose added tokens are all special.
   *
   * @param specialIds their ids
   */
  public BpeModel(List<byte[]> tokens, List<Merge> merges, List<Integer> specialIds) {
    this(
        tokens,
        merges,
        specialIds.stream()
            .map(
                id ->
                    new AddedToken(
                        id, new String(tokens.get(id), StandardCharsets.UTF_8), true, false))
            .toList(),
        false);
  }

  /** Number of ids, unused ones included. */
  public int size() {
    return tokens.size();
  }

  /** Ids of the tokens that merges make or begin with: all that are neither added nor unused. */
  boolean[] ordinary() {
    boolean[] ordinary = new boolean[tokens.size()];
    for (int id = 0; id < ordinary.length; id++) {
      ordinary[id] = tokens.get(id).length > 0;
    }
    addedTokens.forEach(added -> ordinary[added.id()] = false);
    return ordinary;
  }

  /** The id of each single byte, by unsigned value. */
  int[] byteIds() {
    boolean[] ordinary = ordinary();
    int[] ids = new int[256];
    Arrays.fill(ids, -1);
    for (int id = 0; id < ordinary.length; id++) {
      if (ordinary[id] && tokens.get(id).length == 1) {
        ids[tokens.get(id)[0] & 0xff] = id;
      }
    }
    List<String> missing = new ArrayList<>();
    for (int b = 0; b < 256; b++) {
      if (ids[b] < 0) {
        missing.add("%02x".formatted(b));
      }
    }
    if (!missing.isEmpty()) {
      throw new IllegalArgumentException(
          "a byte-level vocabulary has a token for each of the 256 bytes, not for "
              + missing.stream().limit(8).collect(Collectors.joining(", ")));
    }
    return ids;
  }
}
