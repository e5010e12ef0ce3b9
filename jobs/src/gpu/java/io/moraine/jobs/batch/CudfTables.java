package io.moraine.jobs.batch;

import ai.rapids.cudf.BaseDeviceMemoryBuffer;
import ai.rapids.cudf.ColumnVector;
import ai.rapids.cudf.ColumnView;
import ai.rapids.cudf.Cuda;
import ai.rapids.cudf.HostColumnVector;
import ai.rapids.cudf.Table;

/** Tables of cudf: {@code sequence_id}, {@code filled}, {@code tokens}, {@code starts}. */
public final class CudfTables implements ColumnarTables.Adapter {

  private static final long serialVersionUID = 1L;
  private static final int ID = 0;
  private static final int FILLED = 1;
  private static final int TOKENS = 2;
  private static final int STARTS = 3;

  /** Found by its name. */
  public CudfTables() {}

  /**
   * {@inheritDoc}
   *
   * <p>cudf writes on the calling thread's own stream, which libtorch does not wait for: it is
   * waited for here, on that thread.
   */
  @Override
  public DeviceTable of(Object table) {
    Cuda.DEFAULT_STREAM.sync();
    CudfTable there = new CudfTable((Table) table);
    try {
      there.requireNoNulls();
    } catch (RuntimeException e) {
      there.close();
      throw e;
    }
    return there;
  }

  /** What a column's child views say is theirs as long as the table is open. */
  private static final class CudfTable implements DeviceTable {

    private final Table table;

    CudfTable(Table table) {
      this.table = table;
    }

    void requireNoNulls() {
      for (int column = ID; column <= STARTS; column++) {
        long nulls = table.getColumn(column).getNullCount();
        if (column == TOKENS || column == STARTS) {
          try (ColumnView elements = table.getColumn(column).getChildColumnView(0)) {
            nulls += elements.getNullCount();
          }
        }
        if (nulls > 0) {
          throw new IllegalStateException(
              "column %d of a table of sequences has nulls".formatted(column));
        }
      }
    }

    @Override
    public long[] ids() {
      long[] ids = new long[Math.toIntExact(table.getRowCount())];
      try (HostColumnVector here = table.getColumn(ID).copyToHost()) {
        for (int row = 0; row < ids.length; row++) {
          ids[row] = here.getLong(row);
        }
      }
      return ids;
    }

    @Override
    public int[] filled() {
      int[] filled = new int[Math.toIntExact(table.getRowCount())];
      try (HostColumnVector here = table.getColumn(FILLED).copyToHost()) {
        for (int row = 0; row < filled.length; row++) {
          filled[row] = here.getInt(row);
        }
      }
      return filled;
    }

    @Override
    public Ints tokens() {
      return elements(table.getColumn(TOKENS));
    }

    @Override
    public Ints tokenOffsets() {
      return ints(table.getColumn(TOKENS).getOffsets());
    }

    @Override
    public Ints starts() {
      return elements(table.getColumn(STARTS));
    }

    @Override
    public Ints startOffsets() {
      return ints(table.getColumn(STARTS).getOffsets());
    }

    /** Child 0 of a list column: its elements; the offsets are no child in Java. */
    private static Ints elements(ColumnVector lists) {
      try (ColumnView elements = lists.getChildColumnView(0)) {
        return ints(elements.getData());
      }
    }

    /** An empty column has no buffer. */
    private static Ints ints(BaseDeviceMemoryBuffer buffer) {
      return buffer == null
          ? new Ints(0, 0)
          : new Ints(buffer.getAddress(), buffer.getLength() / Integer.BYTES);
    }

    @Override
    public void close() {
      table.close();
    }
  }
}
