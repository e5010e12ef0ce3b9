package io.moraine.jobs.batch;

/**
 * What came over from a columnar engine.
 *
 * @param tables whose memory is read in place
 * @param sequences in them
 * @param masked of these, sequences with padding
 * @param hostBytes copied to the host: ids and numbers of tokens, no token
 * @param rewrittenBytes of tokens that were written anew on the device: batches with padding
 */
public record Handoff(
    long tables, long sequences, long masked, long hostBytes, long rewrittenBytes) {

  static final Handoff NONE = new Handoff(0, 0, 0, 0, 0);

  Handoff plus(OpenTable table) {
    return new Handoff(
        tables + 1,
        sequences + table.left(),
        masked + table.padded(),
        hostBytes + table.hostBytes(),
        rewrittenBytes);
  }

  Handoff rewritten(long bytes) {
    return new Handoff(tables, sequences, masked, hostBytes, rewrittenBytes + bytes);
  }
}
