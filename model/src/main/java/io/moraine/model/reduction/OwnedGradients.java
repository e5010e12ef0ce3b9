package io.moraine.model.reduction;

import java.util.Arrays;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/** What a rank owns of the summed gradients, all buckets one behind the other: where it is kept. */
public interface OwnedGradients {

  /** In an array, from its beginning. */
  static OwnedGradients of(float[] sum) {
    return new OwnedGradients() {
      @Override
      public void put(int place, float[] values, int offset, int length) {
        System.arraycopy(values, offset, sum, place, length);
      }

      @Override
      public void clear(int place, int length) {
        Arrays.fill(sum, place, place + length, 0);
      }
    };
  }

  /**
   * Replaces numbers; those of a step are put once each.
   *
   * @param place of the first among all that the rank owns
   */
  void put(int place, float[] values, int offset, int length);

  /** Sets numbers to zero. */
  void clear(int place, int length);

  /**
   * The numbers where they are, if that is the memory of a device that Java cannot read; the caller
   * closes the tensor.
   *
   * @shape result (length)
   */
  default Optional<Tensor> onDevice(int place, int length) {
    return Optional.empty();
  }
}
