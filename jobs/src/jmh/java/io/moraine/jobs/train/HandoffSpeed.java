package io.moraine.jobs.train;

import io.moraine.jobs.batch.DeviceBatches;
import io.moraine.jobs.batch.DeviceTable;
import io.moraine.model.tensor.Device;
import io.moraine.model.tensor.DeviceChoice;
import io.moraine.model.tensor.Torch;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.stream.LongStream;
import org.bytedeco.javacpp.PointerScope;
import org.bytedeco.pytorch.Scalar;
import org.bytedeco.pytorch.Tensor;
import org.bytedeco.pytorch.global.torch;

/**
 * Sequences that lie in a device's memory, handed to a trainer as batches, against a copy of their
 * tokens there in the same run.
 *
 * <p>Arguments: cpu or cuda, sequences of a table, tokens of a sequence, sequences of a batch,
 * rounds. A line without and one with the document of each token, which is computed: time of a
 * batch, bytes of tokens per second, and how often a copy's bytes (read and written) that is. The
 * tables are libtorch's, not RAPIDS's: what is measured is all that is ours between them and the
 * model. Medians of {@link DeviceClock}.
 */
public final class HandoffSpeed {

  private HandoffSpeed() {}

  /** Measures. */
  public static void main(String[] args) {
    DeviceChoice choice = DeviceChoice.valueOf(args[0].toUpperCase(Locale.ROOT));
    int sequences = Integer.parseInt(args[1]);
    int length = Integer.parseInt(args[2]);
    int batch = Integer.parseInt(args[3]);
    int rounds = Integer.parseInt(args[4]);
    Device device = Torch.start(Runtime.getRuntime().availableProcessors(), choice, 0);
    try (PointerScope scope = new PointerScope()) {
      TensorTable table = TensorTable.of(device, sequences, length + 1);
      double bytes = 4.0 * sequences * (length + 1);
      double copied = 2 * bytes / copySeconds(device, (long) sequences * (length + 1), rounds);
      for (boolean hasDocuments : new boolean[] {false, true}) {
        double seconds =
            DeviceClock.seconds(
                device, rounds, () -> readAll(device, table, length, batch, hasDocuments));
        System.out.printf(
            Locale.ROOT,
            "hand-off, %s, %,d x %d tokens, batches of %d%s: %.1f us a batch, %,.1f GB/s, %.3f times a copy's %,.1f%n",
            device,
            sequences,
            length,
            batch,
            hasDocuments ? " with documents" : "",
            seconds * 1e6 / Math.ceil((double) sequences / batch),
            bytes / seconds / 1e9,
            bytes / seconds / copied,
            copied / 1e9);
      }
    }
  }

  private static double copySeconds(Device device, long tokens, int rounds) {
    Tensor from = torch.zeros(new long[] {tokens}, device.options(torch.ScalarType.Int));
    Tensor to = torch.zeros_like(from);
    return DeviceClock.seconds(device, rounds, () -> to.copy_(from, false));
  }

  private static void readAll(
      Device device, TensorTable table, int length, int batch, boolean hasDocuments) {
    long[] wanted = LongStream.range(0, table.rows).toArray();
    try (DeviceBatches batches =
        new DeviceBatches(List.of(table).iterator(), table.rows, length, device, hasDocuments)) {
      for (int at = 0; at < table.rows; at += batch) {
        int end = Math.min(table.rows, at + batch);
        batches.batches(Arrays.copyOfRange(wanted, at, end), batch);
      }
    }
  }

  /** Whole sequences of four documents each, whose memory stays when a reader closes the table. */
  private record TensorTable(
      int rows,
      Tensor numbers,
      Tensor lengths,
      Ints tokens,
      Ints tokenOffsets,
      Ints starts,
      Ints startOffsets)
      implements DeviceTable {

    /** Of tensors that go with the caller's scope. */
    static TensorTable of(Device device, int rows, int row) {
      return new TensorTable(
          rows,
          upTo(device, rows).to(torch.ScalarType.Long),
          torch.full(new long[] {rows}, new Scalar(row), device.options(torch.ScalarType.Int)),
          memory(upTo(device, (long) rows * row)),
          memory(upTo(device, rows + 1).mul(new Scalar(row))),
          memory(upTo(device, 4).mul(new Scalar(row / 4)).repeat(rows)),
          memory(upTo(device, rows + 1).mul(new Scalar(4))));
    }

    private static Tensor upTo(Device device, long count) {
      return torch.arange(new Scalar(count), device.options(torch.ScalarType.Int));
    }

    private static Ints memory(Tensor tensor) {
      return new Ints(tensor.data_ptr().address(), tensor.numel());
    }

    @Override
    public long[] ids() {
      try (PointerScope scope = new PointerScope()) {
        long[] ids = new long[rows];
        numbers.cpu().data_ptr_long().get(ids);
        return ids;
      }
    }

    @Override
    public int[] filled() {
      try (PointerScope scope = new PointerScope()) {
        int[] filled = new int[rows];
        lengths.cpu().data_ptr_int().get(filled);
        return filled;
      }
    }

    @Override
    public void close() {}
  }
}
