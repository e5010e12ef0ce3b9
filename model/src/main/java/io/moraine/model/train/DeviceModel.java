package io.moraine.model.train;

import io.moraine.model.data.Batch;
import java.util.function.LongConsumer;

/**
 * A model that takes batches where its weights are, and keeps there what it learned from until it
 * is asked, so that the next batch does not wait for the loss of the last one.
 */
public interface DeviceModel extends TrainableModel {

  /**
   * As {@link TrainableModel#forwardBackward}, of any batch.
   *
   * @param weight of this batch among those of a step, in full sequences' worth of predictions
   * @param finished gets ever smaller elements from which on this pass changes no gradient any more
   */
  void learn(Batch batch, double weight, LongConsumer finished);

  /** The sum of the losses of all predictions that were learned from since the last call; nats. */
  double takeLoss();
}
