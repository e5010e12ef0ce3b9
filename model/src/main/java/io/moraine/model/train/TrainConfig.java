package io.moraine.model.train;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.optim.AdamW;
import io.moraine.model.optim.LearningRateSchedule;

/**
 * How a run trains.
 *
 * @param seed of the weights and of the order of the data
 * @param sequencesPerStep over all ranks
 * @param microBatch most sequences per forward and backward on a rank
 * @param schedule of the learning rate; its steps are the run's
 * @param adam settings of AdamW
 * @param clipNorm largest global norm of the gradient
 * @param biasUpdate step of the selection bias, gamma
 * @param wire codecs
 * @param every how often things are done
 */
public record TrainConfig(
    long seed,
    int sequencesPerStep,
    int microBatch,
    LearningRateSchedule schedule,
    AdamW.Config adam,
    double clipNorm,
    double biasUpdate,
    Wire wire,
    Every every) {

  /**
   * What goes over the network.
   *
   * @param gradients codec of the reduce-scatter
   * @param weights codec of the all-gather
   */
  public record Wire(GradientCodec gradients, GradientCodec weights) {

    public Wire {
      if (weights.name().equals("int8")) {
        throw new IllegalArgumentException(
            "weights must be fp32 or bf16: int8 is too coarse for weights themselves");
      }
    }
  }

  /**
   * How often things are done, in steps.
   *
   * @param checkpoint steps between checkpoints; the last step always makes one
   * @param keep checkpoints kept, the newest; {@code >= 1}
   * @param digest steps between comparisons of all ranks' weights
   * @param evaluate steps between evaluations; 0 for none but at the end
   * @param evaluateSequences held-out sequences looked at then, the first ones
   */
  public record Every(
      long checkpoint, int keep, long digest, long evaluate, int evaluateSequences) {

    public Every {
      if (checkpoint < 1 || keep < 1 || digest < 1 || evaluate < 0 || evaluateSequences < 0) {
        throw new IllegalArgumentException(
            "checkpoint-every, keep-checkpoints and digest-every must be positive, evaluate-every and evaluate-sequences not negative, got %d, %d, %d, %d and %d"
                .formatted(checkpoint, keep, digest, evaluate, evaluateSequences));
      }
    }
  }

  public TrainConfig {
    if (sequencesPerStep < 1 || microBatch < 1) {
      throw new IllegalArgumentException(
          "sequences-per-step and micro-batch must be positive, got %d and %d"
              .formatted(sequencesPerStep, microBatch));
    }
    if (!(clipNorm > 0)) {
      throw new IllegalArgumentException("clip-norm must be positive, got %s".formatted(clipNorm));
    }
  }

  /** Number of steps of the run. */
  public long steps() {
    return schedule.steps();
  }
}
