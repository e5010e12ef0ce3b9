package io.moraine.model.train;

import io.moraine.model.checkpoint.Checkpoint;
import io.moraine.model.checkpoint.Ranges;
import io.moraine.model.checkpoint.Ranges.Range;
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
 * The parameters that a rank updates and stores: its shard of those that all ranks have, then those
 * that it has alone.
 *
 * @param from the shard's first element in the rank's flat buffer
 * @param shared elements of the shard
 * @param common elements that all ranks have; behind them the rank's own begin
 * @param own elements of these
 * @param ranges of both in the model, in this order
 */
record Ownership(long from, int shared, long common, int own, Ranges ranges) {

  static Ownership of(Holding holding, FlatBuffer parameters, ShardLayout layout, int rank) {
    return new Ownership(
        layout.from(rank),
        layout.size(rank),
        holding.common(),
        Math.toIntExact(parameters.length() - holding.common()),
        holding.isWhole()
            ? Ranges.of(layout.from(rank), layout.to(rank))
            : ranges(holding, parameters.slices(), layout, rank));
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
    return Math.addExact(shared, own);
  }

  /** Copies the elements of a flat buffer that are owned. */
  float[] read(FlatBuffer buffer) {
    float[] values = new float[size()];
    buffer.get(from, values, 0, shared);
    buffer.get(common, values, shared, own);
    return values;
  }

  /** For each owned element whether it belongs to one of these slices. */
  boolean[] in(List<Slice> slices) {
    boolean[] in = new boolean[size()];
    for (Slice slice : slices) {
      mark(in, 0, from, from + shared, slice);
      mark(in, shared, common, common + own, slice);
    }
    return in;
  }

  private static void mark(boolean[] in, int at, long start, long end, Slice slice) {
    long first = Math.max(start, slice.offsetElements());
    long last = Math.min(end, slice.offsetElements() + slice.length());
    if (first < last) {
      int offset = at + Math.toIntExact(first - start);
      Arrays.fill(in, offset, offset + Math.toIntExact(last - first), true);
    }
  }

  private static Ranges ranges(Holding holding, List<Slice> local, ShardLayout layout, int rank) {
    Map<String, Long> places =
        holding.all().stream().collect(Collectors.toMap(Slice::name, Slice::offsetElements));
    List<Range> ranges = new ArrayList<>();
    for (Slice slice : local) {
      long start = slice.offsetElements();
      long end = TorchFlatBuffer.aligned(start + slice.length());
      boolean isOwn = start >= holding.common();
      long first = isOwn ? start : Math.max(start, layout.from(rank));
      long last = isOwn ? end : Math.min(end, layout.to(rank));
      if (first < last) {
        long ahead = places.get(slice.name()) - start;
        ranges.add(new Range(first + ahead, last + ahead));
      }
    }
    return new Ranges(ranges);
  }
}
