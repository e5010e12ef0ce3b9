package io.moraine.model.reduction;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.codec.TopKEntries;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import java.util.List;
import java.util.OptionalDouble;

/** How gradients are made small for the wire. */
public sealed interface ReductionConfig {

  /** Gradients as they are. */
  ReductionConfig FULL = new Coded(GradientCodec.of("fp32"), false);

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

  /**
   * Bytes that a device makes of its gradients in a step, at most, for the host to send; empty if
   * the host gets them in float32.
   */
  OptionalDouble deviceBytes(List<Slice> slices);

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
    public OptionalDouble deviceBytes(List<Slice> slices) {
      return OptionalDouble.of(wireBytes(slices));
    }

    @Override
    public long carried(List<Slice> slices) {
      return hasFeedback ? length(slices) : 0;
    }
  }

  /**
   * The largest elements of every {@link Communicator#CHUNK_ELEMENTS}.
   *
   * @param share of the elements that a step sends; in (0, 1]
   * @param momentum of what waits, in [0, 1); 0 for plain error feedback; of no matter without
   */
  record TopK(double share, double momentum, boolean hasFeedback) implements ReductionConfig {

    /** Elements of which the largest are chosen, at most. */
    private static final int CHUNK = Communicator.CHUNK_ELEMENTS;

    public TopK {
      GradientCodec.topK(share);
      if (!(momentum >= 0 && (float) momentum < 1)) {
        throw new IllegalArgumentException("topk-momentum must be in [0, 1), got " + momentum);
      }
    }

    @Override
    public String name() {
      return "topk";
    }

    @Override
    public double wireBytes(List<Slice> slices) {
      return (double) length(slices) / CHUNK * GradientCodec.topK(share).encodedBytes(CHUNK);
    }

    @Override
    public OptionalDouble deviceBytes(List<Slice> slices) {
      double entries = (double) length(slices) / CHUNK * new TopKEntries(share).most(CHUNK);
      return OptionalDouble.of(entries * TensorTopK.ENTRY_BYTES);
    }

    @Override
    public long carried(List<Slice> slices) {
      return hasFeedback ? length(slices) * (momentum > 0 ? 2 : 1) : 0;
    }
  }

  /**
   * Each matrix as a product of two thin ones.
   *
   * @param lowRank columns of the thin ones; {@code >= 1}
   */
  record PowerSgd(int lowRank, boolean hasFeedback) implements ReductionConfig {

    public PowerSgd {
      if (lowRank < 1) {
        throw new IllegalArgumentException("powersgd-rank must be at least 1, got " + lowRank);
      }
    }

    @Override
    public String name() {
      return "powersgd";
    }

    /** Both factors are summed and gathered: twice what they are. */
    @Override
    public double wireBytes(List<Slice> slices) {
      LowRankLayout factors = LowRankLayout.of(slices, lowRank);
      return 2.0 * Float.BYTES * ((double) factors.leftLength() + factors.rightLength());
    }

    @Override
    public OptionalDouble deviceBytes(List<Slice> slices) {
      return OptionalDouble.empty();
    }

    @Override
    public long carried(List<Slice> slices) {
      return length(slices) + LowRankLayout.of(slices, lowRank).rightLength();
    }
  }
}
