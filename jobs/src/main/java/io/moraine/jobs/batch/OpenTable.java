package io.moraine.jobs.batch;

import io.moraine.model.data.TokenBatch;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.ForeignMemory;
import java.util.Arrays;
import java.util.Optional;
import java.util.concurrent.atomic.AtomicInteger;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.NoGradGuard;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.StringViewOptional;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.TensorOptional;
import org.bytedeco.pytorch.global.torch;

/** A table that is being read, row by row, and the tensors over its memory. */
final class OpenTable {

  private final DeviceTable table;
  private final int row;
  private final Device device;
  private final long[] ids;
  private final int[] filled;
  private final Tensor tokens;
  private final Optional<Tensor> documents;

  /** Tensors over the table's memory; counted down by whoever lets one go. */
  private final AtomicInteger held = new AtomicInteger();

  private int next;
  private boolean isClosed;

  OpenTable(DeviceTable table, int length, Device device, boolean hasDocuments) {
    this.table = table;
    this.row = length + 1;
    this.device = device;
    this.ids = table.ids();
    this.filled = table.filled();
    requireWhole();
    boolean isEmpty = ids.length == 0;
    if (!isEmpty) {
      requireRowsAlike();
    }
    // What may fail comes before the tensor that outlives this method.
    this.documents = hasDocuments && !isEmpty ? Optional.of(documents()) : Optional.empty();
    this.tokens =
        isEmpty
            ? torch.zeros(new long[] {0, row}, device.options(torch.ScalarType.Int))
            : tensor(table.tokens(), ids.length, row);
  }

  /** Rows not given yet. */
  int left() {
    return ids.length - next;
  }

  /** Bytes that came to the host: ids, and how many tokens are some. */
  long hostBytes() {
    return (long) ids.length * (Long.BYTES + Integer.BYTES);
  }

  /** Rows with padding. */
  long padded() {
    return Arrays.stream(filled).filter(tokens -> tokens < row).count();
  }

  /** Refuses other sequences than those that are wanted. */
  void requireNext(long[] wanted, int at, int rows) {
    for (int i = 0; i < rows; i++) {
      if (ids[next + i] != wanted[at + i]) {
        throw new IllegalStateException(
            "sequence %d lies where %d is due: the tables are not in the order of this run"
                .formatted(ids[next + i], wanted[at + i]));
      }
    }
  }

  /** Whether one of the next rows has padding. */
  boolean hasPadding(int rows) {
    return Arrays.stream(filled, next, next + rows).anyMatch(count -> count != row);
  }

  /**
   * The next rows' tokens, the table's own memory if they have no padding; the caller closes it.
   *
   * @shape result (rows, L + 1)
   */
  Tensor tokens(int rows) {
    Tensor own = tokens.narrow(0, next, rows);
    if (!hasPadding(rows)) {
      return own;
    }
    int[] some = Arrays.copyOfRange(filled, next, next + rows);
    try (PointerScope scope = new PointerScope()) {
      Tensor place = torch.arange(new Scalar(row), device.options(torch.ScalarType.Long));
      Tensor isPadding = place.unsqueeze(0).ge(device.tensor(some, rows, 1));
      Tensor masked = own.masked_fill(isPadding, new Scalar(TokenBatch.PADDING)).retainReference();
      own.close();
      return masked;
    }
  }

  /** The next rows' documents; the caller closes it. */
  Optional<Tensor> documents(int rows) {
    return documents.map(all -> all.narrow(0, next, rows));
  }

  /** How many tokens of the next rows get a prediction. */
  int predictions(int rows) {
    return Arrays.stream(filled, next, next + rows).map(count -> Math.max(0, count - 1)).sum();
  }

  void advance(int rows) {
    next += rows;
  }

  /** Lets go of the tensors here; others may hold them yet. */
  void end() {
    next = ids.length;
    tokens.close();
    documents.ifPresent(Tensor::close);
  }

  /** Whether it is ended and nobody holds a tensor over it. */
  boolean isFree() {
    return left() == 0 && held.get() == 0;
  }

  void close() {
    if (!isClosed) {
      isClosed = true;
      table.close();
    }
  }

  /** Each token's document: how many have begun in its row, less one. */
  private Tensor documents() {
    int rows = ids.length;
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor starts = tensor(table.starts(), table.starts().elements());
      Tensor ends = tensor(table.startOffsets(), rows + 1L).narrow(0, 1, rows);
      Tensor place =
          torch.arange(new Scalar(table.starts().elements()), device.options(torch.ScalarType.Int));
      Tensor rowOf =
          torch.searchsorted(
              ends.contiguous(),
              place,
              false,
              true,
              new StringViewOptional(),
              new TensorOptional());
      Tensor at = rowOf.mul(new Scalar(row)).add(starts.to(torch.ScalarType.Long));
      Tensor begun =
          torch
              .zeros(new long[] {(long) rows * row}, device.options(torch.ScalarType.Long))
              .scatter(0, at, new Scalar(1));
      return begun.view(rows, row).cumsum(1).sub(new Scalar(1)).retainReference();
    }
  }

  private Tensor tensor(DeviceTable.Ints memory, long... shape) {
    held.incrementAndGet();
    return ForeignMemory.ints(device, memory.address(), held::decrementAndGet, shape);
  }

  /** Looks at where rows begin, on the device: one answer comes to the host. */
  private void requireRowsAlike() {
    try (PointerScope scope = new PointerScope();
        NoGradGuard noGradient = new NoGradGuard()) {
      Tensor begins = tensor(table.tokenOffsets(), ids.length + 1L);
      Tensor due =
          torch
              .arange(new Scalar(ids.length + 1), device.options(torch.ScalarType.Int))
              .mul(new Scalar(row));
      Tensor isOther = begins.ne(due);
      if (isOther.any().item_bool()) {
        long first = isOther.nonzero().select(0, 0).item_long();
        throw new IllegalStateException(
            "sequence %d has not %d tokens, as rows that are read in place must have. train.engine.batches = host names its file."
                .formatted(ids[(int) Math.max(0, first - 1)], row));
      }
    }
  }

  private void requireWhole() {
    if (table.tokens().elements() != (long) ids.length * row || filled.length != ids.length) {
      throw new IllegalStateException(
          "a table of %d sequences of %d tokens has %d tokens, got %d"
              .formatted(ids.length, row, (long) ids.length * row, table.tokens().elements()));
    }
  }
}
