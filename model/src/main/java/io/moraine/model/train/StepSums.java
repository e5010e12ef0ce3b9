package io.moraine.model.train;

import io.moraine.model.collective.Communicator;

/**
 * What a step needs of all ranks besides the gradients themselves: of one rank, or summed over all.
 *
 * @param loss of the next tokens
 * @param further of the tokens beyond these
 * @param gradientSquares of the summed gradients that are owned
 * @param stopping ranks that ask to stop
 * @param written ranks that have written their file of the checkpoint under way
 */
record StepSums(LossSum loss, LossSum further, double gradientSquares, int stopping, int written) {

  /** All ranks call it together. */
  StepSums overAllRanks(Communicator communicator) {
    double[] sums =
        communicator.allReduceSum(
            new double[] {
              loss.sum(),
              loss.predictions(),
              gradientSquares,
              further.sum(),
              further.predictions(),
              stopping,
              written
            });
    return new StepSums(
        new LossSum(sums[0], (long) sums[1]),
        new LossSum(sums[3], (long) sums[4]),
        sums[2],
        (int) sums[5],
        (int) sums[6]);
  }

  /**
   * What makes means over predictions of sums of gradients, to which a micro-batch adds its mean as
   * often as it has {@code length} predictions.
   *
   * @param length of a sequence, tokens
   */
  double meanScale(int length) {
    return (double) length / loss.predictions();
  }

  /**
   * The norm of the mean gradients; float32, which hides in what order ranks' squares were added.
   *
   * @param length of a sequence, tokens
   */
  double gradientNorm(int length) {
    return (float) (Math.sqrt(gradientSquares) * meanScale(length));
  }
}
