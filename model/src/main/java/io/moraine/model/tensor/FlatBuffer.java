package io.moraine.model.tensor;

import io.moraine.model.collective.codec.GradientCodec;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * A contiguous float32 array with named slices: the one form in which collectives, optimizer and
 * checkpoint see parameters and gradients.
 *
 * <p>Every slice starts at a multiple of {@link #ALIGNMENT}; the elements between slices are
 * padding and always zero. Whoever implements it owns the memory (host or device).
 */
public interface FlatBuffer {

  /** Slices start at multiples of this many elements, so that a codec's block never spans two. */
  int ALIGNMENT = GradientCodec.BLOCK;

  /** Number of elements, padding included; a multiple of {@link #ALIGNMENT}. */
  long length();

  /** The named tensors in ascending offset. */
  List<Slice> slices();

  /**
   * Copies {@code [fromElement, fromElement + length)} out of the buffer.
   *
   * @throws IndexOutOfBoundsException if either range does not fit
   */
  void get(long fromElement, float[] dst, int dstOffset, int length);

  /**
   * Copies into {@code [toElement, toElement + length)} of the buffer.
   *
   * @throws IndexOutOfBoundsException if either range does not fit
   */
  void put(long toElement, float[] src, int srcOffset, int length);

  /**
   * The elements {@code [fromElement, fromElement + length)} where they are, if that is the memory
   * of a device that Java cannot read; the caller closes the tensor.
   *
   * @shape result (length)
   */
  default Optional<Tensor> onDevice(long fromElement, long length) {
    return Optional.empty();
  }

  /** What copies from and to that memory. */
  default Optional<HostStaging> staging() {
    return Optional.empty();
  }
}
