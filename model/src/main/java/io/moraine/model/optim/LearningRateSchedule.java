package io.moraine.model.optim;

import java.util.List;
import java.util.function.LongToDoubleFunction;

/**
 * Linear warm-up from 0 to the peak, then phases one after the other, each of a share of the run's
 * tokens; the warm-up is within the first ones. Without phases the peak stays.
 *
 * @param peak learning rate behind the warm-up
 * @param warmUpSteps steps of the warm-up
 * @param phases in their order
 */
public record LearningRateSchedule(double peak, long warmUpSteps, List<Phase> phases) {

  /** How a phase gets to its learning rate. */
  public enum Shape {
    /** It has that rate all the time. */
    CONSTANT,
    /**
     * Half a cosine from the rate before it.
     *
     * @source Loshchilov, Hutter, SGDR, 2017, arXiv:1608.03983, Eq. 5
     */
    COSINE
  }

  /**
   * A stretch of the run.
   *
   * @param length against that of all phases; any unit
   * @param shape how it gets to its rate
   * @param rate learning rate at its end
   */
  public record Phase(double length, Shape shape, double rate) {

    public Phase {
      if (!(length > 0) || !Double.isFinite(length) || !(rate >= 0) || !Double.isFinite(rate)) {
        throw new IllegalArgumentException(
            "length must be positive and rate not negative, got %s and %s".formatted(length, rate));
      }
    }
  }

  public LearningRateSchedule {
    phases = List.copyOf(phases);
    if (!(peak > 0) || !Double.isFinite(peak)) {
      throw new IllegalArgumentException("peak must be positive, got %s".formatted(peak));
    }
    if (warmUpSteps < 0) {
      throw new IllegalArgumentException(
          "warm-up-steps must be at least 0, got %d".formatted(warmUpSteps));
    }
  }

  /** Half a cosine from the peak to the floor at the last step. */
  public static LearningRateSchedule cosine(double peak, double floor, long warmUpSteps) {
    return new LearningRateSchedule(peak, warmUpSteps, List.of(new Phase(1, Shape.COSINE, floor)));
  }

  /**
   * The learning rate of a step.
   *
   * @param step from 1
   * @param seen share of the run's tokens in the steps up to and with a step, in [0, 1]
   */
  public double at(long step, LongToDoubleFunction seen) {
    if (step <= warmUpSteps) {
      return peak * step / warmUpSteps;
    }
    double total = 0;
    for (Phase phase : phases) {
      total += phase.length();
    }
    double place = seen.applyAsDouble(step) * total;
    double begin = 0;
    double before = peak;
    for (int i = 0; i < phases.size(); i++) {
      Phase phase = phases.get(i);
      double end = begin + phase.length();
      if (place <= end || i == phases.size() - 1) {
        double from = Math.max(begin, seen.applyAsDouble(warmUpSteps) * total);
        return phase.shape() == Shape.CONSTANT
            ? phase.rate()
            : between(before, phase.rate(), Math.min(1, (place - from) / (end - from)));
      }
      begin = end;
      before = phase.rate();
    }
    return peak;
  }

  private static double between(double before, double rate, double progress) {
    return rate + (before - rate) * 0.5 * (1 + Math.cos(Math.PI * progress));
  }
}
