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
      public void put(int shardOffset, float[] values, int offset, int length) {
        System.arraycopy(values, offset, sum, shardOffset, length);
      }

      @Override
      public void clear(int shardOffset, int length) {
        Arrays.fill(sum, shardOffset, shardOffset + length, 0);
      }
    };
  }

  /**
   * Replaces numbers; those of a step are put once each.
   *
   * @param shardOffset of the first, in all that the rank owns
   */
  void put(int shardOffset, float[] values, int offset, int length);

  /** Sets numbers to zero. */
  void clear(int shardOffset, int length);

  /**
   * The numbers where they are, if that is the memory of a device that Java cannot read; the caller
   * closes the tensor.
   *
   * @shape result (length)
   */
  default Optional<Tensor> onDevice(int shardOffset, int length) {
    return Optional.empty();
  }
}
