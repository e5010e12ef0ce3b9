package io.moraine.jobs.batch;

import io.moraine.model.data.TokenBatch;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;
import java.util.stream.Stream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.column.ColumnDescriptor;
import org.apache.parquet.column.ColumnReader;
import org.apache.parquet.column.impl.ColumnReadStoreImpl;
import org.apache.parquet.column.page.PageReadStore;
import org.apache.parquet.example.data.simple.convert.GroupRecordConverter;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.MessageType;

/** Reads ids, tokens and segments of packed sequences column by column. */
final class SequenceRows {

  /**
   * What is done with one row; behind its last token stands {@link TokenBatch#PADDING}, {@code
   * starts} has the places at which its segments begin.
   */
  interface Action {
    void accept(long sequence, int[] tokens, int[] starts, String file) throws IOException;
  }

  private SequenceRows() {}

  /** Calls the action for every row of every Parquet file of a folder, in the order of names. */
  static void forEach(Configuration hadoop, String folder, Action action) throws IOException {
    Path path = new Path(folder);
    FileStatus[] files = path.getFileSystem(hadoop).listStatus(path);
    List<Path> parts =
        Stream.of(files)
            .map(FileStatus::getPath)
            .filter(file -> file.getName().endsWith(".parquet"))
            .sorted()
            .toList();
    for (Path part : parts) {
      try (ParquetFileReader reader =
          ParquetFileReader.open(HadoopInputFile.fromPath(part, hadoop))) {
        readFile(reader, part.toString(), action);
      }
    }
  }

  private static void readFile(ParquetFileReader reader, String file, Action action)
      throws IOException {
    MessageType written = reader.getFileMetaData().getSchema();
    MessageType wanted =
        new MessageType(
            "sequence",
            written.getType("sequence_id"),
            written.getType("filled"),
            written.getType("tokens"),
            written.getType("starts"));
    reader.setRequestedSchema(wanted);
    ColumnDescriptor id = wanted.getColumns().get(0);
    ColumnDescriptor filled = wanted.getColumns().get(1);
    ColumnDescriptor token = wanted.getColumns().get(2);
    ColumnDescriptor start = wanted.getColumns().get(3);
    for (PageReadStore group = reader.readNextRowGroup();
        group != null;
        group = reader.readNextRowGroup()) {
      ColumnReadStoreImpl columns =
          new ColumnReadStoreImpl(
              group,
              new GroupRecordConverter(wanted).getRootConverter(),
              wanted,
              reader.getFileMetaData().getCreatedBy());
      readGroup(
          columns.getColumnReader(id),
          columns.getColumnReader(filled),
          new Lists(
              columns.getColumnReader(token), group.getPageReader(token).getTotalValueCount()),
          new Lists(
              columns.getColumnReader(start), group.getPageReader(start).getTotalValueCount()),
          group.getRowCount(),
          file,
          action);
    }
  }

  private static void readGroup(
      ColumnReader ids,
      ColumnReader filled,
      Lists tokens,
      Lists starts,
      long rows,
      String file,
      Action action)
      throws IOException {
    for (long r = 0; r < rows; r++) {
      long sequence = ids.getLong();
      ids.consume();
      int own = filled.getInteger();
      filled.consume();
      int[] row = tokens.next();
      Arrays.fill(row, Math.min(own, row.length), row.length, TokenBatch.PADDING);
      action.accept(sequence, row, starts.next(), file);
    }
  }

  /** A column of lists of integers, none of them empty. */
  private static final class Lists {
    private final ColumnReader column;
    private final long values;
    private int[] list = new int[1024];
    private long read;

    Lists(ColumnReader column, long values) {
      this.column = column;
      this.values = values;
    }

    int[] next() {
      int count = 0;
      do {
        if (count == list.length) {
          list = Arrays.copyOf(list, 2 * count);
        }
        list[count++] = column.getInteger();
        column.consume();
        read++;
      } while (read < values && column.getCurrentRepetitionLevel() > 0);
      return Arrays.copyOf(list, count);
    }
  }
}
