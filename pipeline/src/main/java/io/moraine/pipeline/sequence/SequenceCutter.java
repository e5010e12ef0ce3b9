package io.moraine.pipeline.sequence;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;

/**
 * Cuts a run of documents, whose place in the concatenation of all is known, into sequences. The
 * first and the last chunk may be parts of sequences that other runs complete.
 */
public final class SequenceCutter {

  private final int rowTokens;
  private final int endOfText;
  private final Consumer<SequenceChunk> sink;
  private final int[] row;
  private long sequence;
  private int from;
  private int filled;
  private List<Segment> segments = new ArrayList<>();

  /**
   * Starts a run.
   *
   * @param offsetTokens place of the run's first token in the concatenation
   * @param endOfText id that ends each document
   */
  public SequenceCutter(
      int rowTokens, int endOfText, long offsetTokens, Consumer<SequenceChunk> sink) {
    this.rowTokens = rowTokens;
    this.endOfText = endOfText;
    this.sink = sink;
    this.row = new int[rowTokens];
    this.sequence = offsetTokens / rowTokens;
    this.from = (int) (offsetTokens % rowTokens);
    this.filled = from;
  }

  /** The next document of the run. */
  public void add(String document, int copy, int[] tokens) {
    int taken = 0;
    boolean ended = false;
    while (!ended) {
      segments.add(new Segment(filled, document, copy, taken));
      int count = Math.min(tokens.length - taken, rowTokens - filled);
      System.arraycopy(tokens, taken, row, filled, count);
      taken += count;
      filled += count;
      if (taken == tokens.length && filled < rowTokens) {
        row[filled++] = endOfText;
        ended = true;
      }
      if (filled == rowTokens) {
        flush();
      }
    }
  }

  /** The run is over: hands out what the last sequence has so far. */
  public void finish() {
    if (filled > from) {
      flush();
    }
  }

  private void flush() {
    sink.accept(new SequenceChunk(sequence, from, Arrays.copyOfRange(row, from, filled), segments));
    sequence++;
    from = 0;
    filled = 0;
    segments = new ArrayList<>();
  }
}
