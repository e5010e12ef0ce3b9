package io.moraine.model.optim;

/**
 * Linear warm-up from 0 to the peak, then half a cosine to the floor at the last step.
 *
 * @param peak largest learning rate
 * @param floor learning rate of the last step
 * @param warmUpSteps steps of the warm-up
 * @param steps all steps
 * @source Loshchilov, Hutter, SGDR, 2017, arXiv:1608.03983, Eq. 5
 */
public record LearningRateSchedule(double peak, double floor, long warmUpSteps, long steps) {

  public LearningRateSchedule {
    if (!(peak > 0) || !(floor >= 0 && floor <= peak)) {
      throw new IllegalArgumentException(
          "peak must be positive and floor in [0, peak], got %s and %s".formatted(peak, floor));
    }
    if (warmUpSteps < 0 || steps < 1) {
      throw new IllegalArgumentException(
          "warm-up-steps must be at least 0 and steps at least 1, got %d and %d"
              .formatted(warmUpSteps, steps));
    }
  }

  /** The learning rate of a step, counted from 1. */
  public double at(long step) {
    if (step <= warmUpSteps) {
      return peak * step / warmUpSteps;
    }
    double progress = Math.min(1, (double) (step - warmUpSteps) / Math.max(1, steps - warmUpSteps));
    return floor + (peak - floor) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}
