package io.moraine.model.train;

import io.moraine.model.data.Batch;
import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Optional;
import java.util.function.LongConsumer;

/** Whatever can be trained: parameters and gradients as flat float32 arrays of the same layout. */
public interface TrainableModel extends AutoCloseable {

  /**
   * Runs forward and backward: adds the gradient of {@code weight} times the mean loss, auxiliary
   * terms included, to {@link #gradients()}, and the losses to {@link #takeLoss}. Padding adds
   * nothing to either. Need not wait until this is done.
   *
   * @param batch with at least one prediction
   * @param weight of this batch among those of a step, in full sequences' worth of predictions
   * @throws IllegalArgumentException if the batch is in a memory that the model does not read
   */
  void learn(Batch batch, double weight);

  /**
   * The same, and tells while backward goes on which gradients it has finished.
   *
   * @param finished gets ever smaller elements from which on this pass changes no gradient any
   *     more; a model that never tells is correct too
   */
  default void learn(Batch batch, double weight, LongConsumer finished) {
    learn(batch, weight);
  }

  /**
   * The cross-entropy of all predictions that were learned from since the last call, auxiliary
   * terms excluded; waits for it, and forgets it.
   */
  LossSum takeLoss();

  /** The same of predictions beyond the next token (multi-token prediction). */
  default LossSum takeFurtherLoss() {
    return LossSum.NONE;
  }

  /**
   * Learns from one batch and waits for its loss.
   *
   * @return mean cross-entropy over the batch's predictions, nats per token, auxiliary terms
   *     excluded
   */
  default double forwardBackward(TokenBatch batch, double weight) {
    learn(batch, weight);
    return takeLoss().mean();
  }

  /**
   * Mean cross-entropy without gradients; nats per token. Does not count towards the expert load.
   */
  default double loss(TokenBatch batch) {
    double sum = 0;
    for (float loss : tokenLosses(batch)) {
      sum += loss;
    }
    return sum / batch.predictions();
  }

  /**
   * The cross-entropy of each predicted token, without gradients; nats. 0 where the target is
   * padding.
   *
   * @shape result (B * L)
   */
  float[] tokenLosses(TokenBatch batch);

  /**
   * Takes part in a pass of ranks whose tokens need this one's experts, without tokens of its own.
   * Nothing to do where all ranks have all parameters.
   *
   * @param isTraining whether they run {@code learn}, not {@code loss}
   * @param length of their sequences
   */
  default void serveOthers(boolean isTraining, int length) {}

  /** Which parameters this rank has. */
  default RankParameters rankParameters() {
    return RankParameters.whole(parameters().slices());
  }

  /** The weights used by the next forward pass. */
  FlatBuffer parameters();

  /**
   * Accumulated gradients; same layout as {@link #parameters()}, but for {@link RankParameters}.
   */
  FlatBuffer gradients();

  /** Sets every gradient to zero. */
  void zeroGradients();

  /** The expert load and selection biases, if the model routes tokens to experts. */
  Optional<ExpertBalance> expertBalance();

  @Override
  void close();
}
