package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.List;

/** Bytes of a token to its id. */
final class TokenIndex {

  static final int NONE = -1;

  private final List<byte[]> tokens;
  private final int[] slots;

  /**
   * An index.
   *
   * @param indexed whether a token, by its id, can be found
   */
  TokenIndex(List<byte[]> tokens, boolean[] indexed) {
    this.tokens = tokens;
    slots = new int[Integer.highestOneBit(Math.max(4, tokens.size())) * 4];
    Arrays.fill(slots, NONE);
    for (int id = 0; id < tokens.size(); id++) {
      if (indexed[id]) {
        byte[] token = tokens.get(id);
        slots[slot(token, 0, token.length)] = id;
      }
    }
  }

  /** The id of the token with these bytes; {@link #NONE} if there is none. */
  int find(byte[] text, int from, int to) {
    return slots[slot(text, from, to)];
  }

  private int slot(byte[] text, int from, int to) {
    int hash = 1;
    for (int i = from; i < to; i++) {
      hash = 31 * hash + text[i];
    }
    int slot = (hash ^ hash >>> 15) * 0x2c1b3c6d >>> 8 & slots.length - 1;
    while (slots[slot] != NONE) {
      byte[] token = tokens.get(slots[slot]);
      if (Arrays.equals(token, 0, token.length, text, from, to)) {
        break;
      }
      slot = slot + 1 & slots.length - 1;
    }
    return slot;
  }
}
