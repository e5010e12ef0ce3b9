package io.moraine.jobs.train;

import io.moraine.jobs.lease.LeasedWriter;
import io.moraine.jobs.lease.WholeFiles;
import java.io.IOException;
import java.io.OutputStream;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;
import org.apache.parquet.schema.MessageType;

/** A folder of small Parquet files, each named for the steps that it is of. */
final class RunTable {

  private static final Pattern NAME = Pattern.compile("steps?-(\\d+)(?:-\\d+)?\\.parquet");

  private RunTable() {}

  /** Writes a file, in place of one of that name. */
  static void write(LeasedWriter writer, Path file, MessageType schema, List<Group> rows)
      throws IOException {
    writer.replace(file, out -> write(writer.hadoop(), new Streamed(out), schema, rows));
  }

  private static void write(
      Configuration hadoop, OutputFile file, MessageType schema, List<Group> rows)
      throws IOException {
    try (ParquetWriter<Group> parquet =
        ExampleParquetWriter.builder(file)
            .withConf(hadoop)
            .withType(schema)
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .build()) {
      for (Group row : rows) {
        parquet.write(row);
      }
    }
  }

  /** Deletes the files that begin after the step that a run resumes from. */
  static void deleteAfter(LeasedWriter writer, Path folder, long step) throws IOException {
    for (String file : WholeFiles.of(writer.hadoop(), folder).names(folder)) {
      Matcher name = NAME.matcher(file);
      if (name.matches() && Long.parseLong(name.group(1)) > step) {
        writer.delete(new Path(folder, file));
      }
    }
  }

  /**
   * A file that Parquet writes to a stream.
   *
   * @param out closed by whoever gave it
   */
  private record Streamed(OutputStream out) implements OutputFile {

    @Override
    public PositionOutputStream create(long blockSizeHint) {
      return new Counted(out);
    }

    @Override
    public PositionOutputStream createOrOverwrite(long blockSizeHint) {
      return new Counted(out);
    }

    @Override
    public boolean supportsBlockSize() {
      return false;
    }

    @Override
    public long defaultBlockSize() {
      return 0;
    }
  }

  /** A stream that knows how much went through it. */
  private static final class Counted extends PositionOutputStream {

    private final OutputStream out;
    private long position;

    Counted(OutputStream out) {
      this.out = out;
    }

    @Override
    public long getPos() {
      return position;
    }

    @Override
    public void write(int value) throws IOException {
      out.write(value);
      position++;
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
      position += length;
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }
  }
}
