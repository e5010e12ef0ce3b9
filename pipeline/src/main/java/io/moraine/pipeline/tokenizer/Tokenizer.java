package io.moraine.pipeline.tokenizer;

import java.io.ByteArrayOutputStream;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/**
 * A byte-level BPE tokenizer: text to token ids and back.
 *
 * <p>Special tokens are never produced from text: their names inside a document are ordinary text.
 * A surrogate without its partner is encoded as U+FFFD. Safe for use by several threads.
 */
public final class Tokenizer {

  /** Marks the end of each document in a sequence. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  private static final int CACHED_PIECES = 1 << 16;
  private static final int CACHED_PIECE_CHARACTERS = 32;

  private final BpeModel model;
  private final PreTokenizer preTokenizer;
  private final PieceMerger merger;
  private final ThreadLocal<Map<String, int[]>> cache = ThreadLocal.withInitial(HashMap::new);

  public Tokenizer(BpeModel model, PreTokenizer preTokenizer) {
    this.model = model;
    this.preTokenizer = preTokenizer;
    this.merger = new PieceMerger(new MergeTable(model.merges()), model.byteIds());
  }

  /** The vocabulary and its merges. */
  public BpeModel model() {
    return model;
  }

  /** How a text is cut before merging. */
  public PreTokenizer preTokenizer() {
    return preTokenizer;
  }

  /** Number of token ids. */
  public int vocabularySize() {
    return model.size();
  }

  /** The id of a special token; empty if the vocabulary has none of this name. */
  public Optional<Integer> specialId(String content) {
    byte[] bytes = content.getBytes(StandardCharsets.UTF_8);
    return model.specialIds().stream()
        .filter(id -> Arrays.equals(model.tokens().get(id), bytes))
        .findFirst();
  }

  /** The id that ends documents: {@link #END_OF_TEXT}, else the first special token, if any. */
  public Optional<Integer> endOfText() {
    return specialId(END_OF_TEXT).or(() -> model.specialIds().stream().findFirst());
  }

  /**
   * The token ids of a text.
   *
   * @cost O(length log longest piece); no quadratic case
   */
  public int[] encode(String text) {
    Ids ids = new Ids(text.length() / 3 + 8);
    Map<String, int[]> pieces = cache.get();
    preTokenizer.split(text, piece -> ids.add(pieceIds(piece, pieces)));
    return ids.trimmed();
  }

  /** The exact bytes of token ids. */
  public byte[] decodeBytes(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * ids.length);
    for (int id : ids) {
      bytes.writeBytes(model.tokens().get(id));
    }
    return bytes.toByteArray();
  }

  /** The text of token ids; bytes that are not UTF-8 become U+FFFD. */
  public String decode(int[] ids) {
    return new String(decodeBytes(ids), StandardCharsets.UTF_8);
  }

  private int[] pieceIds(String piece, Map<String, int[]> pieces) {
    if (piece.length() > CACHED_PIECE_CHARACTERS) {
      return merger.merge(utf8(piece));
    }
    int[] known = pieces.get(piece);
    if (known == null) {
      known = merger.merge(utf8(piece));
      if (pieces.size() >= CACHED_PIECES) {
        pieces.clear();
      }
      pieces.put(piece, known);
    }
    return known;
  }

  /** UTF-8 of a piece, a surrogate without its partner as U+FFFD (Java itself would write "?"). */
  static byte[] utf8(String piece) {
    byte[] bytes = piece.getBytes(StandardCharsets.UTF_8);
    boolean substituted = false;
    for (int i = 0; i < piece.length() && !substituted; i++) {
      substituted = Character.isSurrogate(piece.charAt(i));
    }
    return substituted ? wellFormed(piece).getBytes(StandardCharsets.UTF_8) : bytes;
  }

  private static String wellFormed(String piece) {
    StringBuilder out = new StringBuilder(piece.length());
    piece
        .codePoints()
        .map(c -> c >= Character.MIN_SURROGATE && c <= Character.MAX_SURROGATE ? 0xfffd : c)
        .forEach(out::appendCodePoint);
    return out.toString();
  }

  private static final class Ids {
    private int[] ids;
    private int count;

    Ids(int capacity) {
      ids = new int[capacity];
    }

    void add(int[] more) {
      if (count + more.length > ids.length) {
        ids = Arrays.copyOf(ids, Math.max(2 * ids.length, count + more.length));
      }
      System.arraycopy(more, 0, ids, count, more.length);
      count += more.length;
    }

    int[] trimmed() {
      return Arrays.copyOf(ids, count);
    }
  }
}
