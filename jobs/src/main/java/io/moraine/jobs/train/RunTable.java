package io.moraine.jobs.train;

import java.io.IOException;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FileStatus;
import org.apache.hadoop.fs.FileSystem;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileWriter;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.schema.MessageType;

/** A folder of small Parquet files, each named for the steps that it is of. */
final class RunTable {

  private static final Pattern NAME = Pattern.compile("steps?-(\\d+)(?:-\\d+)?\\.parquet");

  private RunTable() {}

  /**
   * Writes a file, in place of one of that name: a reader sees the old one, a whole new one or
   * none.
   */
  static void write(Configuration hadoop, Path file, MessageType schema, List<Group> rows)
      throws IOException {
    RunFolder.replace(
        file.getFileSystem(hadoop), file, beside -> write(beside, hadoop, schema, rows));
  }

  private static void write(Path file, Configuration hadoop, MessageType schema, List<Group> rows)
      throws IOException {
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(file)
            .withConf(hadoop)
            .withType(schema)
            .withCompressionCodec(CompressionCodecName.ZSTD)
            .withWriteMode(ParquetFileWriter.Mode.OVERWRITE)
            .build()) {
      for (Group row : rows) {
        writer.write(row);
      }
    }
  }

  /** Deletes the files that begin after the step that a run resumes from. */
  static void deleteAfter(Configuration hadoop, Path folder, long step) throws IOException {
    FileSystem files = folder.getFileSystem(hadoop);
    if (!files.exists(folder)) {
      return;
    }
    for (FileStatus status : files.listStatus(folder)) {
      Matcher name = NAME.matcher(status.getPath().getName());
      if (name.matches() && Long.parseLong(name.group(1)) > step) {
        files.delete(status.getPath(), false);
      }
    }
  }
}
