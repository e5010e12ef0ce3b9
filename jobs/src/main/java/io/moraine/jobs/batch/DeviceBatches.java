package io.moraine.jobs.batch;

import io.moraine.model.data.Batch;
import io.moraine.model.data.BatchReader;
import io.moraine.model.data.TensorBatch;
import io.moraine.model.tensor.Device;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
import org.bytedeco.pytorch.Tensor;

/**
 * Sequences that lie in a device's memory in the order in which they are asked for: a batch is a
 * run of a table's rows, read in place. Where a table ends, a batch ends.
 *
 * <p>A table is closed when it is read to its end, all tensors over it are gone (those that
 * libtorch holds count) and the device has done what was asked of it: looked at when the next
 * sequences are asked for, by the thread that asks.
 */
public final class DeviceBatches implements BatchReader {

  private final Iterator<? extends DeviceTable> tables;
  private final long sequences;
  private final int length;
  private final Device device;
  private final boolean hasDocuments;
  private final List<OpenTable> open = new ArrayList<>();
  private final List<Tensor> given = new ArrayList<>();
  private Handoff handoff = Handoff.NONE;

  /**
   * Nothing is read yet.
   *
   * @param tables with the rows in order; closed here
   * @param sequences of the data in all, whose ids are asked for
   * @param length tokens per sequence that a model sees
   * @param hasDocuments whether batches say which documents tokens are of
   */
  public DeviceBatches(
      Iterator<? extends DeviceTable> tables,
      long sequences,
      int length,
      Device device,
      boolean hasDocuments) {
    this.tables = tables;
    this.sequences = sequences;
    this.length = length;
    this.device = device;
    this.hasDocuments = hasDocuments;
  }

  @Override
  public long sequences() {
    return sequences;
  }

  @Override
  public int length() {
    return length;
  }

  /** What came over so far. */
  public Handoff handoff() {
    return handoff;
  }

  /**
   * {@inheritDoc}
   *
   * @throws IllegalStateException if other sequences lie there, or none any more
   */
  @Override
  public List<Batch> batches(long[] wanted, int most) {
    closeRead();
    List<Batch> batches = new ArrayList<>();
    for (int at = 0; at < wanted.length; ) {
      OpenTable table = table(wanted[at]);
      int rows = Math.min(Math.min(most, wanted.length - at), table.left());
      table.requireNext(wanted, at, rows);
      batches.add(batch(table, rows));
      at += rows;
    }
    return batches;
  }

  @Override
  public void close() {
    open.forEach(OpenTable::end);
    closeRead();
    if (!open.isEmpty()) {
      throw new IllegalStateException(
          "%d tables cannot be closed: tensors over them are still held".formatted(open.size()));
    }
  }

  private TensorBatch batch(OpenTable table, int rows) {
    if (table.hasPadding(rows)) {
      handoff = handoff.rewritten((long) rows * (length + 1) * Integer.BYTES);
    }
    Tensor tokens = kept(table.tokens(rows));
    Optional<Tensor> documents = table.documents(rows).map(this::kept);
    int predictions = table.predictions(rows);
    table.advance(rows);
    return new TensorBatch(rows, length, predictions, tokens, documents);
  }

  private Tensor kept(Tensor tensor) {
    given.add(tensor);
    return tensor;
  }

  /** The one that is being read. */
  private OpenTable table(long next) {
    if (!open.isEmpty() && open.get(open.size() - 1).left() > 0) {
      return open.get(open.size() - 1);
    }
    while (tables.hasNext()) {
      OpenTable table = opened(tables.next());
      open.add(table);
      handoff = handoff.plus(table);
      if (table.left() > 0) {
        return table;
      }
    }
    throw new IllegalStateException(
        "sequence %d is due and there is no table any more".formatted(next));
  }

  private OpenTable opened(DeviceTable table) {
    try {
      return new OpenTable(table, length, device, hasDocuments);
    } catch (RuntimeException e) {
      table.close();
      throw e;
    }
  }

  private void closeRead() {
    given.forEach(Tensor::close);
    given.clear();
    open.stream().filter(table -> table.left() == 0).forEach(OpenTable::end);
    List<OpenTable> free = open.stream().filter(OpenTable::isFree).toList();
    if (!free.isEmpty()) {
      device.synchronize();
      free.forEach(OpenTable::close);
      open.removeAll(free);
    }
  }
}
