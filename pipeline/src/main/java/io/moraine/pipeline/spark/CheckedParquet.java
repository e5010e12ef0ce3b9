package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.Unreadable;
import java.io.IOException;
import java.io.Serializable;
import java.util.Iterator;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetInputFormat;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.sql.Row;

/**
 * A Parquet file that was read to its end, because a scan of many files ends at the first damaged
 * page of any of them.
 *
 * @param file the file
 * @param schema its schema as text; "" if it has no readable footer
 * @param rows how many rows its footer counts; 1 without one
 * @param error what is wrong with it; "" if nothing is
 */
record CheckedParquet(InputFile file, String schema, long rows, String error)
    implements Serializable {

  /**
   * Reads a file.
   *
   * @cost all its columns, one row in memory at a time
   */
  static CheckedParquet of(InputFile file, Configuration hadoop) {
    Path path = new Path(file.path());
    try (ParquetFileReader reader =
        ParquetFileReader.open(HadoopInputFile.fromPath(path, hadoop))) {
      String schema = reader.getFileMetaData().getSchema().toString();
      return new CheckedParquet(file, schema, reader.getRecordCount(), damage(path, hadoop));
    } catch (IOException | RuntimeException e) {
      return new CheckedParquet(file, "", 1, "not a Parquet file: " + e.getMessage());
    }
  }

  boolean isDamaged() {
    return !error.isEmpty();
  }

  /** The rows of a damaged file, of which none can be trusted. */
  Iterator<Row> unreadable() {
    return LongStream.range(0, rows)
        .mapToObj(row -> CorpusReader.row(new Unreadable(file.name(), row, error, "")))
        .iterator();
  }

  private static String damage(Path path, Configuration hadoop) {
    Configuration checking = new Configuration(hadoop);
    checking.setBoolean(ParquetInputFormat.PAGE_VERIFY_CHECKSUM_ENABLED, true);
    long read = 0;
    try (ParquetReader<Group> groups =
        ParquetReader.builder(new GroupReadSupport(), path).withConf(checking).build()) {
      while (groups.read() != null) {
        read++;
      }
      return "";
    } catch (IOException | RuntimeException e) {
      return "its Parquet file is damaged behind row %d: %s".formatted(read, reason(e));
    }
  }

  /** The innermost cause's first line: the outer ones name the path on one machine. */
  private static String reason(Throwable e) {
    Throwable innermost = e;
    while (innermost.getCause() != null) {
      innermost = innermost.getCause();
    }
    return String.valueOf(innermost.getMessage()).lines().findFirst().orElse("");
  }
}
