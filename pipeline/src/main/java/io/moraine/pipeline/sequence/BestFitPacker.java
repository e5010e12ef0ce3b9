package io.moraine.pipeline.sequence;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;

/**
 * Packs documents, best fit first: what is longer than a sequence is cut into whole sequences and a
 * rest, and the rests share sequences by {@link BestFit}. Nothing else is cut. Holds the documents
 * in memory.
 *
 * <p>Documents of a sequence stand in the order given, as do sequences by their first document; the
 * room at a sequence's end stays empty.
 */
public final class BestFitPacker {

  private final int rowTokens;
  private final int endOfText;
  private final List<Packable> documents = new ArrayList<>();
  private int pieces;

  private record Packable(String id, int copy, int[] tokens) {}

  /**
   * Starts with nothing.
   *
   * @param endOfText id that ends each document
   */
  public BestFitPacker(int rowTokens, int endOfText) {
    this.rowTokens = rowTokens;
    this.endOfText = endOfText;
  }

  /** The next document; its tokens are not copied. */
  public void add(String document, int copy, int[] tokens) {
    documents.add(new Packable(document, copy, tokens));
    pieces += tokens.length / rowTokens + 1;
  }

  /**
   * How many sequences documents take, whatever their order.
   *
   * @param lengths tokens of each document, end-of-text included
   */
  public static long sequences(int[] lengths, int rowTokens) {
    long whole = 0;
    int[] rests = new int[lengths.length];
    int count = 0;
    for (int length : lengths) {
      whole += length / rowTokens;
      if (length % rowTokens > 0) {
        rests[count++] = length % rowTokens;
      }
    }
    return whole + BestFit.count(Arrays.copyOf(rests, count), rowTokens);
  }

  /**
   * The sequences, each made when it is asked for; a chunk is a whole sequence without the empty
   * room at its end.
   *
   * @param firstSequence index of the first one
   */
  public Iterator<SequenceChunk> pack(long firstSequence) {
    int[] document = new int[pieces];
    int[] offset = new int[pieces];
    int[] length = new int[pieces];
    int piece = 0;
    for (int d = 0; d < documents.size(); d++) {
      int end = documents.get(d).tokens().length + 1;
      for (int from = 0; from < end; from += rowTokens) {
        document[piece] = d;
        offset[piece] = from;
        length[piece++] = Math.min(rowTokens, end - from);
      }
    }
    int[] bins = BestFit.bins(length, rowTokens);
    int[][] byBin = piecesByBin(bins);
    return new Iterator<>() {
      private int bin;

      @Override
      public boolean hasNext() {
        return bin < byBin.length;
      }

      @Override
      public SequenceChunk next() {
        int[] tokens = new int[rowTokens];
        List<Segment> segments = new ArrayList<>();
        int filled = 0;
        for (int p : byBin[bin]) {
          Packable packed = documents.get(document[p]);
          segments.add(new Segment(filled, packed.id(), packed.copy(), offset[p]));
          copy(packed.tokens(), offset[p], tokens, filled, length[p]);
          filled += length[p];
        }
        return new SequenceChunk(firstSequence + bin++, 0, Arrays.copyOf(tokens, filled), segments);
      }
    };
  }

  /** Copies of a document's tokens with its end-of-text behind them. */
  private void copy(int[] tokens, int from, int[] dst, int dstOffset, int length) {
    int own = Math.min(length, tokens.length - from);
    System.arraycopy(tokens, from, dst, dstOffset, own);
    if (own < length) {
      dst[dstOffset + own] = endOfText;
    }
  }

  private static int[][] piecesByBin(int[] bins) {
    int[] sizes = new int[Arrays.stream(bins).max().orElse(-1) + 1];
    for (int bin : bins) {
      sizes[bin]++;
    }
    int[][] byBin = new int[sizes.length][];
    for (int bin = 0; bin < sizes.length; bin++) {
      byBin[bin] = new int[sizes[bin]];
    }
    for (int piece = bins.length - 1; piece >= 0; piece--) {
      byBin[bins[piece]][--sizes[bins[piece]]] = piece;
    }
    return byBin;
  }
}
