package io.moraine.model.train;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.data.StepSizes;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;
import io.moraine.model.reduction.ReductionConfig;
import java.util.Locale;

/**
 * How a run trains.
 *
 * @param seed of the weights, of the order of the data and of powersgd's first factors
 * @param steps of the run
 * @param batch sequences of a step
 * @param schedule of the learning rate
 * @param adam settings of AdamW
 * @param clipNorm largest global norm of the gradient
 * @param balance of the experts
 * @param wire what is sent of gradients and weights
 * @param every how often things are done
 * @param spikes what becomes of bad steps
 */
public record TrainConfig(
    long seed,
    long steps,
    Batch batch,
    LearningRateSchedule schedule,
    AdamW.Config adam,
    double clipNorm,
    Balance balance,
    Wire wire,
    Every every,
    Spikes spikes) {

  /** A run that ends where a loss or gradient is not finite, and has an eye for nothing else. */
  public TrainConfig(
      long seed,
      long steps,
      Batch batch,
      LearningRateSchedule schedule,
      AdamW.Config adam,
      double clipNorm,
      Balance balance,
      Wire wire,
      Every every) {
    this(
        seed,
        steps,
        batch,
        schedule,
        adam,
        clipNorm,
        balance,
        wire,
        every,
        new Spikes(Spikes.Policy.STOP, 0, 2, 0));
  }

  /**
   * Sequences of a step.
   *
   * @param sequencesPerStep over all ranks, behind the ramp
   * @param rampFrom sequences of the first step; of no matter without a ramp
   * @param rampTokens over which the number grows, linearly in tokens seen; 0 for no ramp
   * @param microBatch most sequences per forward and backward on a rank
   */
  public record Batch(int sequencesPerStep, int rampFrom, long rampTokens, int microBatch) {

    public Batch {
      if (sequencesPerStep < 1 || microBatch < 1) {
        throw new IllegalArgumentException(
            "sequences-per-step and micro-batch must be positive, got %d and %d"
                .formatted(sequencesPerStep, microBatch));
      }
      if (rampTokens < 0) {
        throw new IllegalArgumentException(
            "batch-ramp.tokens must not be negative, got %d".formatted(rampTokens));
      }
      if (rampTokens > 0 && (rampFrom < 1 || rampFrom > sequencesPerStep)) {
        throw new IllegalArgumentException(
            "batch-ramp.from must be in [1, sequences-per-step], got %d and %d"
                .formatted(rampFrom, sequencesPerStep));
      }
    }

    /** As many sequences in every step. */
    public static Batch constant(int sequencesPerStep, int microBatch) {
      return new Batch(sequencesPerStep, sequencesPerStep, 0, microBatch);
    }

    /** Sequences of the smallest step. */
    public int smallest() {
      return rampTokens == 0 ? sequencesPerStep : rampFrom;
    }

    /**
     * Sequences of each step.
     *
     * @param length tokens of a sequence
     */
    public StepSizes sizes(int length) {
      return StepSizes.ramp(smallest(), sequencesPerStep, rampTokens / length);
    }
  }

  /**
   * Balance of the experts by their selection biases.
   *
   * @param biasUpdate step of a bias, gamma
   * @param share of the run's tokens after which gamma is 0, in [0, 1]
   */
  public record Balance(double biasUpdate, double share) {

    public Balance {
      if (!(biasUpdate >= 0) || !(share >= 0 && share <= 1)) {
        throw new IllegalArgumentException(
            "bias-update must not be negative and share in [0, 1], got %s and %s"
                .formatted(biasUpdate, share));
      }
    }

    /** Gamma when a share of the run's tokens is seen. */
    double gamma(double seen) {
      return seen <= share ? biasUpdate : 0;
    }
  }

  /**
   * What goes over the network.
   *
   * @param gradients how they are reduced
   * @param weights how they are gathered
   * @param fullSteps the first steps, whose gradients go in float32
   * @param bucketElements gradients that are reduced at a time
   * @param overlaps whether buckets are reduced while backward goes on; changes no result
   */
  public record Wire(
      ReductionConfig gradients,
      Weights weights,
      long fullSteps,
      long bucketElements,
      boolean overlaps) {

    public Wire {
      if (fullSteps < 0 || bucketElements < 1) {
        throw new IllegalArgumentException(
            "full-steps must not be negative and bucket-elements positive, got %d and %d"
                .formatted(fullSteps, bucketElements));
      }
    }

    /** Never in full, in buckets of 2^20 elements, while backward goes on. */
    public Wire(ReductionConfig gradients, Weights weights) {
      this(gradients, weights, 0, 1 << 20, true);
    }

    /** Gradients in a codec, with error feedback if it needs that. */
    public Wire(GradientCodec gradients, Weights weights) {
      this(new ReductionConfig.Coded(gradients, gradients.isCoarse()), weights);
    }
  }

  /** What the all-gather sends of weights. */
  public enum Weights {
    /** Themselves. */
    FP32("fp32"),
    /** Themselves, rounded. */
    BF16("bf16"),
    /** What they are ahead of those that everybody has. */
    INT8_DIFFERENCES("int8"),
    /** The same in 4 bits. */
    INT4_DIFFERENCES("int4"),
    /** The same in signs: with signs of gradients, a bit each way, and feedback both ways. */
    SIGN_DIFFERENCES("sign");

    private final String codec;

    Weights(String codec) {
      this.codec = codec;
    }

    /** Its name in settings. */
    public String settingName() {
      return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    /** The codec of what is sent. */
    public GradientCodec codec() {
      return GradientCodec.of(codec);
    }

    /** Whether receivers add what they decode to what they have. */
    public boolean areDifferences() {
      return this != FP32 && this != BF16;
    }
  }

  /**
   * How often things are done, in steps.
   *
   * @param checkpoint steps between checkpoints; the last step always makes one
   * @param keep checkpoints kept, the newest; {@code >= 1}
   * @param keepBest those with the lowest held-out loss, kept too; if not 0, there is an evaluation
   *     before each checkpoint
   * @param digest steps between comparisons of all ranks' weights
   * @param evaluate steps between evaluations; 0 for none but at the end
   * @param evaluateSequences held-out sequences looked at then, the first ones
   */
  public record Every(
      long checkpoint, int keep, int keepBest, long digest, long evaluate, int evaluateSequences) {

    public Every {
      if (checkpoint < 1 || keep < 1 || digest < 1 || evaluate < 0 || evaluateSequences < 0) {
        throw new IllegalArgumentException(
            "checkpoint-every, keep-checkpoints and digest-every must be positive, evaluate-every and evaluate-sequences not negative, got %d, %d, %d, %d and %d"
                .formatted(checkpoint, keep, digest, evaluate, evaluateSequences));
      }
      if (keepBest < 0) {
        throw new IllegalArgumentException(
            "keep-best must not be negative, got %d".formatted(keepBest));
      }
    }

    /** None is kept because it is good. */
    public Every(long checkpoint, int keep, long digest, long evaluate, int evaluateSequences) {
      this(checkpoint, keep, 0, digest, evaluate, evaluateSequences);
    }

    boolean evaluatesAt(long step) {
      return evaluate > 0 && step % evaluate == 0 || keepBest > 0 && step % checkpoint == 0;
    }
  }

  /**
   * What becomes of bad steps: those whose loss or gradient norm is not finite, or whose loss is a
   * spike.
   *
   * @param policy what is done
   * @param deviations standard deviations above the mean of the last good steps, beyond which a
   *     loss is a spike; 0: none is
   * @param window number of those steps; before there are as many, no loss is a spike
   * @param atMost bad steps among 1,000; one more ends the run
   */
  public record Spikes(Policy policy, double deviations, int window, int atMost) {

    /** What is done about a bad step. */
    public enum Policy {
      /** The run ends. */
      STOP,
      /** Its update is not made: what it would have changed stays, and the data moves on. */
      SKIP,
      /**
       * The run takes the newest checkpoint's state and goes on behind the bad step: the sequences
       * from there to here are left out.
       */
      ROLL_BACK
    }

    public Spikes {
      if (!(deviations >= 0) || window < 2 || atMost < 0) {
        throw new IllegalArgumentException(
            "deviations and at-most must not be negative and window at least 2, got %s, %d and %d"
                .formatted(deviations, atMost, window));
      }
    }
  }

  public TrainConfig {
    if (steps < 1) {
      throw new IllegalArgumentException("steps must be at least 1, got %d".formatted(steps));
    }
    if (!(clipNorm > 0)) {
      throw new IllegalArgumentException("clip-norm must be positive, got %s".formatted(clipNorm));
    }
  }
}
