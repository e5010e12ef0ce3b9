package io.moraine.bigdl.transformer;

import io.moraine.model.data.TokenBatch;
import java.io.Serializable;
import java.util.Arrays;

/** What layers must know of the batch in whose rows they compute. */
final class BatchAtHand implements Serializable {

  private static final long serialVersionUID = 1L;

  private int sequences;
  private double weight;
  private boolean[] learned = {};

  /** Before a pass over a batch with this weight among those of a step. */
  void begin(TokenBatch batch, double weightInStep) {
    sequences = batch.sequences();
    weight = weightInStep;
    learned = new boolean[batch.sequences() * batch.length()];
    for (int row = 0; row < learned.length; row++) {
      int sequence = row / batch.length();
      learned[row] = batch.tokens()[row + sequence + 1] != TokenBatch.PADDING;
    }
  }

  /** B. */
  int sequences() {
    return sequences;
  }

  /** Of the batch in its step. */
  double weight() {
    return weight;
  }

  /** Whether a row's prediction is learned from: its target is no padding. */
  boolean isLearned(int row) {
    return learned[row];
  }

  /** Rows of a sequence that are learned from. */
  int learnedOf(int sequence) {
    int length = learned.length / sequences;
    int count = 0;
    for (boolean is : Arrays.copyOfRange(learned, sequence * length, (sequence + 1) * length)) {
      count += is ? 1 : 0;
    }
    return count;
  }
}
