package io.moraine.model.reduction;

import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.util.List;

/** How gradients are made small for the wire. */
public sealed interface ReductionConfig {

  /** Its name in settings. */
  String name();

  /** Whether what is left out of a step goes into the next ones. */
  boolean hasFeedback();

  /**
   * Bytes that all elements take, at most; each rank sends (P-1)/P of them.
   *
   * @param slices of the gradients
   */
  double wireBytes(List<Slice> slices);

  /** Numbers that a rank carries from step to step. */
  long carried(List<Slice> slices);

  /** Elements of the flat buffer of these slices, padding included. */
  static long length(List<Slice> slices) {
    Slice last = slices.get(slices.size() - 1);
    int alignment = FlatBuffer.ALIGNMENT;
    return (last.offsetElements() + last.length() + alignment - 1) / alignment * alignment;
  }

  /**
   * Each element by itself or in blocks.
   *
   * @param codec of all gradients
   */
  record Coded(GradientCodec codec, boolean hasFeedback) implements ReductionConfig {

    @Override
    public String name() {
      return codec.name();
    }

    @Override
    public double wireBytes(List<Slice> slices) {
      return (double) length(slices)
          / FlatBuffer.ALIGNMENT
          * codec.encodedBytes(FlatBuffer.ALIGNMENT);
    }

    @Override
    public long carried(List<Slice> slices) {
      return hasFeedback ? length(slices) : 0;
    }
  }
}
