package io.moraine.model.train;

import io.moraine.model.collective.Communicator;

/**
 * The cross-entropy of many predictions.
 *
 * @param sum over the predictions; nats
 * @param predictions how many
 */
public record LossSum(double sum, long predictions) {

  /** Of no prediction. */
  public static final LossSum NONE = new LossSum(0, 0);

  /**
   * With those of one batch more.
   *
   * @param mean of its predictions; nats
   * @param more how many
   */
  public LossSum plus(double mean, int more) {
    return new LossSum(sum + mean * more, predictions + more);
  }

  /** Of a prediction; nats; NaN if there is none. */
  public double mean() {
    return sum / predictions;
  }

  /** All ranks call it together. */
  LossSum overAllRanks(Communicator communicator) {
    double[] sums = communicator.allReduceSum(new double[] {sum, predictions});
    return new LossSum(sums[0], (long) sums[1]);
  }
}
