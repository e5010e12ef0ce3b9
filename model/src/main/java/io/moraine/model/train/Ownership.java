package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.checkpoint.Ranges.Range;
import io.moraine.model.collective.Buckets;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.tensor.FlatBuffer;
import io.moraine.model.tensor.Slice;
import io.moraine.model.tensor.TorchFlatBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;

/**
 * The parameters that a rank updates and stores: its shards of those that all ranks have, bucket by
 * bucket, then those that it has alone.
 *
 * @param localRanges of all of it in the rank's flat buffer, in this order
 * @param sharded elements of the shards
 * @param replicated elements that all ranks have; behind them the rank's own begin
 * @param alone elements of these
 * @param modelRanges the same in the model, as checkpoints count its elements
 */
record Ownership(Ranges localRanges, int sharded, long replicated, int alone, Ranges modelRanges) {

  /** Elements of an array, in whole blocks. */
  private static final int MOST = Integer.MAX_VALUE / FlatBuffer.ALIGNMENT * FlatBuffer.ALIGNMENT;

  /**
   * Of a rank.
   *
   * @throws IllegalArgumentException if it is more than an array can have
   */
  static Ownership of(
      RankParameters rankParameters, FlatBuffer parameters, Buckets buckets, int rank) {
    long alone = parameters.length() - rankParameters.replicated();
    long all = alone;
    for (ShardLayout layout : buckets.list()) {
      all += layout.to(rank) - layout.from(rank);
    }
    if (all > MOST) {
      throw new IllegalArgumentException(
          "rank %d of %d would own %,d parameters, and a rank owns at most %,d. Use more ranks."
              .formatted(rank, buckets.get(0).worldSize(), all, MOST));
    }
    List<Range> local = new ArrayList<>();
    for (ShardLayout layout : buckets.list()) {
      addTo(local, layout.from(rank), layout.to(rank));
    }
    addTo(local, rankParameters.replicated(), parameters.length());
    return new Ownership(
        new Ranges(local),
        buckets.size(rank),
        rankParameters.replicated(),
        Math.toIntExact(alone),
        rankParameters.isWhole()
            ? new Ranges(local)
            : inModel(rankParameters, parameters.slices(), new Ranges(local)));
  }

  private static void addTo(List<Range> ranges, long from, long to) {
    if (from < to) {
      ranges.add(new Range(from, to));
    }
  }

  /** What a checkpoint's writer had. */
  static Ranges written(Checkpoint.State state, int writer) {
    if (!state.ranges().isEmpty()) {
      return state.ranges().get(writer);
    }
    ShardLayout layout = new ShardLayout(state.length(), state.worldSize(), FlatBuffer.ALIGNMENT);
    return Ranges.of(layout.from(writer), layout.to(writer));
  }

  /** Elements of all of it. */
  int size() {
    return Math.addExact(sharded, alone);
  }

  /** Copies the elements of a flat buffer that are owned. */
  float[] read(FlatBuffer buffer) {
    float[] values = new float[size()];
    int at = 0;
    for (Range range : localRanges.list()) {
      buffer.get(range.from(), values, at, range.length());
      at += range.length();
    }
    return values;
  }

  /**
   * Copies elements into a flat buffer.
   *
   * @param values of the ranges, in their order
   */
  static void write(FlatBuffer buffer, Ranges ranges, float[] values) {
    int at = 0;
    for (Range range : ranges.list()) {
      buffer.put(range.from(), values, at, range.length());
      at += range.length();
    }
  }

  /**
   * For each owned element whether it belongs to one of these slices or is padding behind it, which
   * stays zero.
   */
  boolean[] in(List<Slice> slices) {
    boolean[] in = new boolean[size()];
    int at = 0;
    for (Range range : localRanges.list()) {
      for (Slice slice : slices) {
        long first = Math.max(range.from(), slice.offsetElements());
        long end = TorchFlatBuffer.aligned(slice.offsetElements() + slice.length());
        long last = Math.min(range.to(), end);
        if (first < last) {
          int offset = at + Math.toIntExact(first - range.from());
          Arrays.fill(in, offset, offset + Math.toIntExact(last - first), true);
        }
      }
      at += range.length();
    }
    return in;
  }

  private static Ranges inModel(
      RankParameters rankParameters, List<Slice> slices, Ranges localRanges) {
    Map<String, Long> inModel =
        rankParameters.modelSlices().stream()
            .collect(Collectors.toMap(Slice::name, Slice::offsetElements));
    List<Range> ranges = new ArrayList<>();
    for (Range range : localRanges.list()) {
      for (Slice slice : slices) {
        long start = slice.offsetElements();
        long first = Math.max(start, range.from());
        long last = Math.min(TorchFlatBuffer.aligned(start + slice.length()), range.to());
        if (first < last) {
          long ahead = inModel.get(slice.name()) - start;
          ranges.add(new Range(first + ahead, last + ahead));
        }
      }
    }
    return new Ranges(ranges);
  }
}
