package io.moraine.model.reduction;

import io.moraine.model.collective.FloatReader;
import io.moraine.model.tensor.FlatBuffer;
import java.util.Optional;

/** A rank's gradients as a reduction reads them. */
@FunctionalInterface
public interface Gradients extends FloatReader {

  /** The buffer that they are in, if that is the memory of a device that Java cannot read. */
  default Optional<FlatBuffer> onDevice() {
    return Optional.empty();
  }

  /** Those of a buffer, wherever it is. */
  static Gradients of(FlatBuffer buffer) {
    return new Gradients() {
      @Override
      public void read(long fromElement, float[] dst, int dstOffset, int length) {
        buffer.get(fromElement, dst, dstOffset, length);
      }

      @Override
      public Optional<FlatBuffer> onDevice() {
        return buffer.staging().map(staging -> buffer);
      }
    };
  }
}
