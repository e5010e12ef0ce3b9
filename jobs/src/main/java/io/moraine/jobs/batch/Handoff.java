package io.moraine.jobs.batch;

/**
 * What came over from a columnar engine.
 *
 * @param tables whose memory is read in place
 * @param sequences in them
 * @param masked of these, sequences with padding, whose tokens are written anew on the device
 */
public record Handoff(long tables, long sequences, long masked) {

  static final Handoff NONE = new Handoff(0, 0, 0);

  Handoff plus(int rows, long withPadding) {
    return new Handoff(tables + 1, sequences + rows, masked + withPadding);
  }
}
