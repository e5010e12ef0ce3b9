package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Locale;
import java.util.Optional;

/**
 * Tells bad steps from good ones: a step is bad if its loss or gradient norm is not finite, or its
 * loss a spike, more than k standard deviations above the mean of the last n good steps. Loss and
 * norm are the same bits on all ranks, so all judge alike without a word.
 *
 * <p>Differs from the source: spikes of the gradient norm are none, since clipping bounds what they
 * do; bad losses are not among the n; n good steps are waited for, not half of them.
 *
 * @source Allen AI, OLMo-core, optim/skip_step_optimizer.py (k = 6, n = 128); OLMo 2, 2025,
 *     arXiv:2501.00656
 */
final class StepJudge {

  /** Steps among which bad ones are counted. */
  private static final long COUNTED = 1000;

  private final TrainConfig.Spikes config;
  private final Deque<Double> losses = new ArrayDeque<>();
  private final List<Checkpoint.BadStep> bad = new ArrayList<>();
  private long leftOut;

  StepJudge(TrainConfig.Spikes config) {
    this.config = config;
  }

  /** Goes on from a checkpoint of another start. */
  void resume(Checkpoint.History history) {
    bad.addAll(history.bad());
    goBack(history);
  }

  /** Goes back to a checkpoint; the bad steps behind it stay known. */
  void goBack(Checkpoint.History history) {
    leftOut = history.leftOut();
    losses.clear();
    history.losses().forEach(this::remember);
  }

  /** What the next checkpoint has to record. */
  Checkpoint.History history() {
    return new Checkpoint.History(leftOut, List.copyOf(losses), bad);
  }

  /** Number of a step's update among those that are in the weights. */
  long updateNumber(long step) {
    return step - leftOut;
  }

  /**
   * Judges a step; a good one's loss is remembered.
   *
   * @return why it is bad; empty if it is good
   * @throws BadStepException if it is bad and the run is to end there
   */
  Optional<String> judge(long step, double loss, double gradientNorm) {
    Optional<String> fault = fault(loss, gradientNorm);
    if (fault.isEmpty()) {
      remember(loss);
    } else if (config.policy() == TrainConfig.Spikes.Policy.STOP) {
      throw new BadStepException(
          "%s; the run ends: train.spikes.policy is stop".formatted(fault.get()),
          "step %d: %s. Lower the learning rate, or set train.spikes.policy to skip or roll-back; the run resumes from its newest checkpoint."
              .formatted(step, fault.get()));
    } else if (badSince(step - COUNTED) >= config.atMost()) {
      throw new BadStepException(
          "%s; the run ends: train.spikes.at-most is %d".formatted(fault.get(), config.atMost()),
          "step %d: %s, and %d of the %,d steps before were bad: train.spikes.at-most is %d. Lower the learning rate, or allow more; the run resumes from its newest checkpoint."
              .formatted(step, fault.get(), badSince(step - COUNTED), COUNTED, config.atMost()));
    }
    return fault;
  }

  /**
   * The steps from {@code from} to a bad one are not in the weights.
   *
   * @return the bad step, as it is recorded
   */
  Checkpoint.BadStep leaveOut(long from, long step, String why) {
    leftOut += step - from + 1;
    Checkpoint.BadStep left = new Checkpoint.BadStep(step, from, why);
    bad.add(left);
    return left;
  }

  /** Other data come, whose losses are not to be held against those before. */
  void forgetLosses() {
    losses.clear();
  }

  private long badSince(long step) {
    return bad.stream().filter(left -> left.step() >= step).count();
  }

  private Optional<String> fault(double loss, double gradientNorm) {
    if (!Double.isFinite(loss) || !Double.isFinite(gradientNorm)) {
      return Optional.of(
          "loss %s and gradient norm %s are not finite".formatted(loss, gradientNorm));
    }
    if (config.deviations() == 0 || losses.size() < config.window()) {
      return Optional.empty();
    }
    double mean = mean();
    return loss > mean + config.deviations() * deviation(mean)
        ? Optional.of(
            String.format(
                Locale.ROOT,
                "loss %.4f is a spike, more than %s standard deviations above the mean %.4f of %d steps",
                loss,
                config.deviations(),
                mean,
                losses.size()))
        : Optional.empty();
  }

  /** Of the remembered losses, added up in their order. */
  private double mean() {
    double sum = 0;
    for (double loss : losses) {
      sum += loss;
    }
    return sum / losses.size();
  }

  /** Their standard deviation. */
  private double deviation(double mean) {
    double squares = 0;
    for (double loss : losses) {
      squares += (loss - mean) * (loss - mean);
    }
    return Math.sqrt(squares / losses.size());
  }

  private void remember(double loss) {
    losses.addLast(loss);
    if (losses.size() > config.window()) {
      losses.removeFirst();
    }
  }
}
