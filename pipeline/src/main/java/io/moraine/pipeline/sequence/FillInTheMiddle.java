package io.moraine.pipeline.sequence;

import io.moraine.pipeline.hash.Mix64;
import io.moraine.pipeline.tokenizer.Tokenizer;
import java.io.Serializable;

/**
 * Moves the middle of some documents to their end, so that a model learns to fill gaps: prefix,
 * suffix, middle, each with a marker before it.
 *
 * <p>The text is cut at two uniformly drawn places between characters (code points), and the parts
 * are encoded by themselves, as a model that is asked to fill a gap gets them. Everything is drawn
 * by a keyed hash of the document's id and copy.
 *
 * @param rate expected share of documents; in [0, 1]
 * @param seed of the hash
 * @source Bavarian et al., Efficient training of language models to fill in the middle, 2022,
 *     arXiv:2207.14255, sections 3 and 4.4 (document level, PSM, characters); DeepSeek-V3, 2024,
 *     arXiv:2412.19437, section 4.1 (rate 0.1, before packing)
 */
public record FillInTheMiddle(double rate, long seed) implements Serializable {

  public FillInTheMiddle {
    if (!(rate >= 0 && rate <= 1)) {
      throw new IllegalArgumentException("rate must be in [0, 1], got %s".formatted(rate));
    }
  }

  /** Whether any document is changed. */
  public boolean isUsed() {
    return rate > 0;
  }

  /** Whether this copy of a document is changed. */
  public boolean appliesTo(String id, int copy) {
    return draw(id, copy, 0) < rate;
  }

  /** The changed copy's tokens, without end-of-text; decoded and put in order they are the text. */
  public int[] encode(String id, int copy, String text, Tokenizer tokenizer, FimMarkers markers) {
    int[] cuts = cuts(id, copy, text);
    int[] prefix = tokenizer.encode(text.substring(0, cuts[0]));
    int[] middle = tokenizer.encode(text.substring(cuts[0], cuts[1]));
    int[] suffix = tokenizer.encode(text.substring(cuts[1]));
    int[] tokens = new int[prefix.length + suffix.length + middle.length + FimMarkers.COUNT];
    int at = put(tokens, 0, markers.begin(), prefix);
    at = put(tokens, at, markers.hole(), suffix);
    put(tokens, at, markers.end(), middle);
    return tokens;
  }

  /** Where the middle begins and ends; UTF-16 indexes, never inside a surrogate pair. */
  private int[] cuts(String id, int copy, String text) {
    int characters = text.codePointCount(0, text.length());
    int one = (int) (draw(id, copy, 1) * (characters + 1.0));
    int other = (int) (draw(id, copy, 2) * (characters + 1.0));
    int from = text.offsetByCodePoints(0, Math.min(one, other));
    int to = text.offsetByCodePoints(from, Math.abs(one - other));
    return new int[] {from, to};
  }

  private double draw(String id, int copy, int what) {
    return KeyedDraw.unit(Mix64.combine(Mix64.combine(KeyedDraw.of(seed, id), copy), what));
  }

  private static int put(int[] dst, int at, int marker, int[] part) {
    dst[at] = marker;
    System.arraycopy(part, 0, dst, at + 1, part.length);
    return at + 1 + part.length;
  }
}
