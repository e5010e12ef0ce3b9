package io.moraine.bigdl;

import io.moraine.model.train.TrainableModel;
import java.io.IOException;
import java.io.OutputStream;

/** A BigDL module that trains, and that BigDL's own format can hold. */
public interface BigDlModule extends TrainableModel {

  /**
   * Writes it as BigDL's {@code saveModule} does, in one file: {@code Module.loadModule} reads it,
   * in evaluation mode. What BigDL makes of it is compared before.
   *
   * @throws IllegalArgumentException if the format cannot hold it: it ends at 2 GB, and at layers
   *     that BigDL cannot make again
   */
  void write(OutputStream out) throws IOException;
}
