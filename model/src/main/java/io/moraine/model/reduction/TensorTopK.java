package io.moraine.model.reduction;

import io.moraine.model.collective.Communicator;
import io.moraine.model.collective.ShardLayout;
import io.moraine.model.collective.codec.GradientCodec;
import io.moraine.model.collective.codec.TopKEntries;
import io.moraine.model.tensor.PinnedMemory;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.bytedeco.pytorch.LongOptional;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.ScalarTypeOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorVector;
import org.bytedeco.pytorch.global.torch;

/**
 * {@code topk}, its entries chosen by operations of libtorch: the same ones as the codec's, for it
 * compares sizes as integers and counts. For each range of the wire, {@link
 * Communicator#CHUNK_ELEMENTS} of a rank's shard or what is left of it, there are as many entries
 * as are sent at most. A bucket's bytes are the places of all entries (int32, in their range; its
 * length where there is no entry) and then their values (bfloat16). The host writes places as the
 * wire has them.
 *
 * @cost about 35 operations, two selections among the elements, for all ranges of the same length
 *     that lie side by side: for a bucket whose shards have as many whole ranges or none, once;
 *     else twice for a rank. 6 bytes an entry to the host
 */
record TensorTopK(TopKEntries entries, GradientCodec codec) implements DeviceForm {

  /** Of an entry, as it comes to the host. */
  static final int ENTRY_BYTES = Integer.BYTES + Short.BYTES;

  private static final int CHUNK = Communicator.CHUNK_ELEMENTS;
  private static final TensorBf16 VALUES = new TensorBf16();

  /** Of so large a share of the elements. */
  TensorTopK(double share) {
    this(new TopKEntries(share), GradientCodec.topK(share));
  }

  /**
   * Ranges of the wire that lie one behind the other.
   *
   * @param length of each
   * @param most entries of each
   */
  private record Ranges(int count, int length, int most) {

    long elements() {
      return (long) count * length;
    }

    long places() {
      return (long) count * most;
    }
  }

  /** As few as can be: neighbours of the same length are one, whosever they are. */
  private List<Ranges> ranges(ShardLayout bucket) {
    List<Ranges> all = new ArrayList<>();
    for (int rank = 0; rank < bucket.worldSize(); rank++) {
      add(all, bucket.size(rank) / CHUNK, CHUNK);
      add(all, 1, bucket.size(rank) % CHUNK);
    }
    return all;
  }

  private void add(List<Ranges> all, int count, int length) {
    int before = 0;
    if (!all.isEmpty() && all.get(all.size() - 1).length == length) {
      before = all.remove(all.size() - 1).count;
    }
    if (before + count > 0 && length > 0) {
      all.add(new Ranges(before + count, length, entries.most(length)));
    }
  }

  private static long places(List<Ranges> all) {
    return all.stream().mapToLong(Ranges::places).sum();
  }

  @Override
  public long bytes(ShardLayout bucket) {
    return places(ranges(bucket)) * ENTRY_BYTES;
  }

  @Override
  public Tensor encode(Tensor values, ShardLayout bucket) {
    TensorVector places = new TensorVector();
    TensorVector sent = new TensorVector();
    long from = 0;
    for (Ranges ranges : ranges(bucket)) {
      Tensor rows = values.narrow(0, from, ranges.elements()).view(ranges.count, ranges.length);
      Tensor chosen = places(rows, ranges);
      Tensor there = chosen.clamp_max(new Scalar(ranges.length - 1)).to(torch.ScalarType.Long);
      places.push_back(chosen.reshape(-1));
      sent.push_back(rows.gather(1, there).view(-1));
      from += ranges.elements();
    }
    Tensor coded = VALUES.encode(torch.cat(sent, 0));
    return torch.cat(new TensorVector(torch.cat(places, 0).view(torch.ScalarType.Byte), coded), 0);
  }

  /** Of the entries of each row, ascending, in int32. */
  private Tensor places(Tensor rows, Ranges ranges) {
    Tensor sizes = rows.view(torch.ScalarType.Int).bitwise_and(new Scalar(TensorCodec.ABSOLUTE));
    Tensor isSent = isSent(sizes, ranges);
    Tensor number = count(isSent).sub(new Scalar(1));
    // What is not sent goes into a further column, which is cut off.
    Tensor column = number.masked_fill(isSent.logical_not(), new Scalar(ranges.most));
    Tensor place = torch.arange(new Scalar(ranges.length), sizes.options());
    return torch
        .full(
            new long[] {ranges.count, ranges.most + 1}, new Scalar(ranges.length), sizes.options())
        .scatter_(1, column.to(torch.ScalarType.Long), place.expand(ranges.count, ranges.length))
        .narrow(1, 0, ranges.most);
  }

  /**
   * Whether elements are among the largest of those of a row that reach the bound; the first ones
   * among equals.
   *
   * @param sizes float32's bits without signs, which order what is not finite above all that is
   */
  private Tensor isSent(Tensor sizes, Ranges ranges) {
    LongOptional end = new LongOptional(ranges.length);
    Tensor samples = sizes.slice(1, new LongOptional(0), end, entries.stride(ranges.length));
    int among = entries.boundAmong(Math.toIntExact(samples.size(1)));
    Tensor bound = nthLargest(samples, among).clamp_min(new Scalar(1));
    Tensor reaching = sizes.masked_fill(sizes.lt(bound), new Scalar(0));
    Tensor smallest = nthLargest(reaching, ranges.most); // 0 if fewer reach it
    Tensor isLarger = reaching.gt(smallest);
    Tensor isEqual = reaching.eq(smallest).logical_and(smallest.gt(new Scalar(0)));
    Tensor larger = isLarger.sum(new long[] {1}, true, new ScalarTypeOptional());
    Tensor isFirst = count(isEqual).add(larger).le(new Scalar(ranges.most));
    return isLarger.logical_or(isEqual.logical_and(isFirst));
  }

  /** How many of a row are true up to each of its elements, int32. */
  private static Tensor count(Tensor rows) {
    return rows.cumsum(1, new ScalarTypeOptional(torch.ScalarType.Int));
  }

  private static Tensor nthLargest(Tensor rows, int n) {
    return rows.topk(n, 1, true, false).get0().amin(new long[] {1}, true);
  }

  @Override
  public Tensor decode(Tensor encoded, ShardLayout bucket) {
    List<Ranges> all = ranges(bucket);
    long count = places(all);
    long placeBytes = count * Integer.BYTES;
    Tensor places = encoded.narrow(0, 0, placeBytes).view(torch.ScalarType.Int);
    Tensor values = VALUES.decode(encoded.narrow(0, placeBytes, count * Short.BYTES));
    TensorVector decoded = new TensorVector();
    long from = 0;
    for (Ranges ranges : all) {
      Tensor column = places.narrow(0, from, ranges.places()).view(ranges.count, ranges.most);
      Tensor sent = values.narrow(0, from, ranges.places()).view(ranges.count, ranges.most);
      decoded.push_back(
          torch
              .zeros(new long[] {ranges.count, ranges.length + 1}, sent.options())
              .scatter_(1, column.to(torch.ScalarType.Long), sent)
              .narrow(1, 0, ranges.length)
              .reshape(-1));
      from += ranges.places();
    }
    return torch.cat(decoded, 0);
  }

  @Override
  public void put(
      PinnedMemory encoded, long at, ShardLayout bucket, long from, int length, ByteBuffer dst) {
    int most = entries.most(length);
    List<Ranges> all = ranges(bucket);
    long first = placesBefore(all, from - bucket.start());
    int[] places = new int[most];
    encoded.bytes(at + first * Integer.BYTES, most * Integer.BYTES).asIntBuffer().get(places);
    int count = 0;
    while (count < most && places[count] < length) {
      count++;
    }
    TopKEntries.put(places, count, dst);
    long values = at + places(all) * Integer.BYTES + first * Short.BYTES;
    dst.put(encoded.bytes(values, most * Short.BYTES).limit(count * Short.BYTES));
  }

  /** How many places there are before the range that begins with an element of the bucket. */
  private static long placesBefore(List<Ranges> all, long element) {
    long start = 0;
    long places = 0;
    for (Ranges ranges : all) {
      if (element < start + ranges.elements()) {
        return places + (element - start) / ranges.length * ranges.most;
      }
      start += ranges.elements();
      places += ranges.places();
    }
    throw new IllegalArgumentException("no range has element %d: %s".formatted(element, all));
  }
}
