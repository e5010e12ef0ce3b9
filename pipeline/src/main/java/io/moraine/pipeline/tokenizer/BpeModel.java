package io.moraine.pipeline.tokenizer;

import java.util.ArrayList;
import java.util.List;

/**
 * A byte-level BPE vocabulary: the bytes of every token and the merges in the order of their rank.
 *
 * <p>Special tokens have ids but take part in no merge.
 *
 * @param tokens bytes by id; the content of special tokens as UTF-8
 * @param merges merges, the first learned first
 * @param specialIds ids of special tokens
 */
public record BpeModel(List<byte[]> tokens, List<Merge> merges, List<Integer> specialIds) {

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
    specialIds = List.copyOf(specialIds);
  }

  /** Number of ids. */
  public int size() {
    return tokens.size();
  }

  /** The id of each single byte, by unsigned value. */
  int[] byteIds() {
    int[] ids = new int[256];
    List<Integer> found = new ArrayList<>();
    for (int id = 0; id < tokens.size(); id++) {
      byte[] token = tokens.get(id);
      if (token.length == 1 && !specialIds.contains(id)) {
        ids[token[0] & 0xff] = id;
        found.add(id);
      }
    }
    if (found.size() != 256) {
      throw new IllegalArgumentException(
          "a byte-level vocabulary has a token for each of the 256 bytes, found %d"
              .formatted(found.size()));
    }
    return ids;
  }
}
