package io.moraine.pipeline.tokenizer;

import java.util.Arrays;
import java.util.List;

/**
 * Pieces that are one token: those that their merges make it, or, where a vocabulary ignores
 * merges, all that have its bytes. Looked up where a thread's cache does not have a piece.
 */
final class WholePieces {

  static final int NONE = -1;

  private static final int SHORT_BYTES = 15;
  private static final int SLOT = 3;

  private final List<byte[]> tokens;

  /** Short tokens: the two numbers of their {@link PieceKey} and the id. */
  private final long[] shorts;

  private final int shift;

  /** Long tokens by their bytes: ids. */
  private final int[] longs;

  /** The tokens of a vocabulary that a piece of their bytes becomes. */
  WholePieces(BpeModel model, PieceMerger merger) {
    tokens = model.tokens();
    boolean[] ordinary = model.ordinary();
    int bits = Integer.SIZE - Integer.numberOfLeadingZeros(tokens.size() + tokens.size() / 2);
    shift = Long.SIZE - bits;
    shorts = new long[SLOT << bits];
    longs = new int[1 << bits];
    Arrays.fill(longs, NONE);
    for (int id = 0; id < ordinary.length; id++) {
      byte[] token = tokens.get(id);
      if (ordinary[id]
          && (model.ignoresMerges()
              || merger.merge(token, 0, token.length) == 1 && merger.ids()[0] == id)) {
        add(token, id);
      }
    }
  }

  /** The token of a piece of at most 15 bytes, given its key. */
  int find(long head, long tail) {
    int slot = slot(head, tail);
    return shorts[slot + 1] == 0 ? NONE : (int) shorts[slot + 2];
  }

  /** The token of a longer piece. */
  int findLong(byte[] text, int from, int to) {
    return longs[slot(text, from, to)];
  }

  private void add(byte[] token, int id) {
    if (token.length > SHORT_BYTES) {
      longs[slot(token, 0, token.length)] = id;
      return;
    }
    long head = PieceKey.load(token, 0, token.length);
    long tail = PieceKey.load(token, 8, token.length) | (long) token.length << 56;
    int slot = slot(head, tail);
    shorts[slot] = head;
    shorts[slot + 1] = tail;
    shorts[slot + 2] = id;
  }

  private int slot(long head, long tail) {
    int slot = SLOT * (int) (PieceKey.hash(head, tail) >>> shift);
    while (shorts[slot + 1] != 0 && (shorts[slot] != head || shorts[slot + 1] != tail)) {
      slot = slot + SLOT == shorts.length ? 0 : slot + SLOT;
    }
    return slot;
  }

  private int slot(byte[] text, int from, int to) {
    int length = to - from;
    long hash = length;
    for (int at = from; at < to; at += 8) {
      hash = PieceKey.hash(PieceKey.load(text, at, to), hash);
    }
    int slot = (int) (hash >>> shift);
    while (longs[slot] != NONE && !isToken(longs[slot], text, from, to)) {
      slot = slot + 1 & longs.length - 1;
    }
    return slot;
  }

  private boolean isToken(int id, byte[] text, int from, int to) {
    byte[] token = tokens.get(id);
    return Arrays.equals(token, 0, token.length, text, from, to);
  }
}
