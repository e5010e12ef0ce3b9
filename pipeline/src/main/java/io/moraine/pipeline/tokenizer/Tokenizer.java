package io.moraine.pipeline.tokenizer;

import io.moraine.pipeline.tokenizer.AddedTokenFinder.Found;
import java.io.ByteArrayOutputStream;
import java.io.Serializable;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Optional;

/**
 * A byte-level BPE tokenizer: text to token ids and back.
 *
 * <p>The ids are those of Hugging Face's tokenizers without {@code add_special_tokens}. What added
 * tokens are called is ordinary text inside a document, unless asked otherwise. Safe for use by
 * several threads, each of which has a cache of its own.
 */
public final class Tokenizer implements Serializable {

  private static final long serialVersionUID = 1L;

  /** Marks the end of each document in a sequence. */
  public static final String END_OF_TEXT = "<|endoftext|>";

  /** What well-known vocabularies call the end of a text. */
  private static final List<String> END_NAMES =
      List.of(END_OF_TEXT, "<|end_of_text|>", "<\uff5cend\u2581of\u2581sentence\uff5c>", "</s>");

  private final transient BpeModel model;
  private final transient PreTokenizer preTokenizer;
  private final transient Normalization normalization;
  private final transient AddedTokenFinder raw;
  private final transient AddedTokenFinder normalized;
  private final transient ThreadLocal<PieceEncoder> encoder;

  /** A tokenizer that does not normalise. */
  public Tokenizer(BpeModel model, PreTokenizer preTokenizer) {
    this(model, preTokenizer, Normalization.NONE);
  }

  /**
   * A tokenizer.
   *
   * @throws IllegalArgumentException if the vocabulary does not have all 256 bytes
   */
  public Tokenizer(BpeModel model, PreTokenizer preTokenizer, Normalization normalization) {
    this.model = model;
    this.preTokenizer = preTokenizer;
    this.normalization = normalization;
    this.raw = finder(model, false);
    this.normalized = finder(model, true);
    MergeTable merges = MergeTable.of(model.merges());
    int[] byteIds = model.byteIds();
    WholePieces whole = new WholePieces(model, new PieceMerger(merges, byteIds));
    this.encoder =
        ThreadLocal.withInitial(() -> new PieceEncoder(new PieceMerger(merges, byteIds), whole));
  }

  /** The vocabulary and its merges. */
  public BpeModel model() {
    return model;
  }

  /** How a text is cut before merging. */
  public PreTokenizer preTokenizer() {
    return preTokenizer;
  }

  /** What is done to a text before it is cut. */
  public Normalization normalization() {
    return normalization;
  }

  /** Number of token ids. */
  public int vocabularySize() {
    return model.size();
  }

  /** Whether an id is some token's; ids in between may be unused. */
  public boolean hasToken(int id) {
    return id >= 0 && id < model.size() && model.tokens().get(id).length > 0;
  }

  /** The id of an added token; empty if the vocabulary has none of this name. */
  public Optional<Integer> specialId(String content) {
    return model.addedTokens().stream()
        .filter(added -> added.content().equals(content))
        .map(AddedToken::id)
        .findFirst();
  }

  /** The id that ends documents: of a token with a usual name, else the first special one. */
  public Optional<Integer> endOfText() {
    return END_NAMES.stream()
        .flatMap(name -> specialId(name).stream())
        .findFirst()
        .or(
            () ->
                model.addedTokens().stream()
                    .filter(AddedToken::special)
                    .map(AddedToken::id)
                    .findFirst());
  }

  /**
   * The token ids of a text, in which no added token is found.
   *
   * @param text a surrogate without its partner counts as U+FFFD
   * @cost O(length log longest piece); no quadratic case with the patterns that {@link
   *     PreTokenizer} names
   */
  public int[] encode(String text) {
    return encode(text, AddedTokenMatching.NONE);
  }

  /**
   * The same for UTF-8.
   *
   * @param utf8 what is not well formed counts as U+FFFD, as in {@code new String(utf8, UTF_8)}
   */
  public int[] encode(byte[] utf8) {
    return encode(utf8, AddedTokenMatching.NONE);
  }

  /** The token ids of a text, with those of the added tokens that are to be found in it. */
  public int[] encode(String text, AddedTokenMatching matching) {
    return encodeWellFormed(Utf8Text.of(text), matching);
  }

  /** The same for UTF-8. */
  public int[] encode(byte[] utf8, AddedTokenMatching matching) {
    return encodeWellFormed(Utf8Text.wellFormed(utf8), matching);
  }

  /**
   * The exact bytes of token ids.
   *
   * @throws IllegalArgumentException if an id is not in the vocabulary
   */
  public byte[] decodeBytes(int[] ids) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream(4 * ids.length);
    for (int id : ids) {
      if (!hasToken(id)) {
        throw new IllegalArgumentException(
            "the vocabulary of %,d ids has no token %d".formatted(model.size(), id));
      }
      bytes.writeBytes(model.tokens().get(id));
    }
    return bytes.toByteArray();
  }

  /** The text of token ids; bytes that are not UTF-8 become U+FFFD. */
  public String decode(int[] ids) {
    return new String(decodeBytes(ids), StandardCharsets.UTF_8);
  }

  private static AddedTokenFinder finder(BpeModel model, boolean inNormalized) {
    return new AddedTokenFinder(
        model.addedTokens().stream().filter(added -> added.normalized() == inNormalized).toList());
  }

  /**
   * First the added tokens that are looked for in the text as it is; what is between them is
   * normalised, and the others are looked for in that; what is between these is cut and merged.
   */
  private int[] encodeWellFormed(byte[] text, AddedTokenMatching matching) {
    PieceEncoder pieces = encoder.get();
    forEachSpan(
        raw,
        text,
        0,
        text.length,
        matching,
        pieces,
        (bytes, from, to) -> encodeSpan(bytes, from, to, matching, pieces));
    return pieces.take();
  }

  private void encodeSpan(
      byte[] text, int from, int to, AddedTokenMatching matching, PieceEncoder pieces) {
    if (normalization == Normalization.NFC && !Nfc.isNormalized(text, from, to)) {
      byte[] composed = Nfc.normalized(text, from, to);
      encodeNormalized(composed, 0, composed.length, matching, pieces);
    } else {
      encodeNormalized(text, from, to, matching, pieces);
    }
  }

  private void encodeNormalized(
      byte[] text, int from, int to, AddedTokenMatching matching, PieceEncoder pieces) {
    forEachSpan(
        normalized,
        text,
        from,
        to,
        matching,
        pieces,
        (bytes, begin, end) -> preTokenizer.split(bytes, begin, end, pieces));
  }

  /** Adds the ids of added tokens, and gives what is between them to {@code rest}. */
  private static void forEachSpan(
      AddedTokenFinder finder,
      byte[] text,
      int begin,
      int end,
      AddedTokenMatching matching,
      PieceEncoder pieces,
      PieceSink rest) {
    int from = begin;
    if (matching != AddedTokenMatching.NONE) {
      int searched = begin;
      for (Optional<Found> found = finder.next(text, searched, end);
          found.isPresent();
          found = finder.next(text, searched, end)) {
        Found added = found.get();
        searched = added.to();
        if (matching == AddedTokenMatching.ALL || !added.token().special()) {
          rest.accept(text, from, added.from());
          pieces.add(added.token().id());
          from = added.to();
        }
      }
    }
    rest.accept(text, from, end);
  }

  /** Stands for a tokenizer where objects are sent: as the text of its file. */
  private static final class Sent implements Serializable {
    private static final long serialVersionUID = 1L;
    private final String json;

    Sent(Tokenizer tokenizer) {
      this.json = TokenizerJson.write(tokenizer);
    }

    private Object readResolve() {
      return TokenizerJson.read(json);
    }
  }

  private Object writeReplace() {
    return new Sent(this);
  }
}
