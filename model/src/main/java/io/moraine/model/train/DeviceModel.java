package io.moraine.model.train;

import io.moraine.model.data.DeviceBatch;
import java.util.function.LongConsumer;

/** A model that takes batches where its weights are. */
public interface DeviceModel extends TrainableModel {

  /** As {@link TrainableModel#forwardBackward}, of a batch that is read where it is. */
  double forwardBackwardOnDevice(DeviceBatch batch, double weight, LongConsumer finished);
}
