package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.Part;
import io.moraine.pipeline.document.PassedOver;
import io.moraine.pipeline.document.Unreadable;
import java.io.IOException;
import java.io.Serializable;
import java.util.Iterator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.LongStream;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.ParquetInputFormat;
import org.apache.parquet.hadoop.ParquetReader;
import org.apache.parquet.hadoop.example.GroupReadSupport;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.parquet.schema.GroupType;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.Type;
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
      MessageType schema = reader.getFileMetaData().getSchema();
      String error = strangeColumns(schema).or(() -> damage(path, hadoop)).orElse("");
      return new CheckedParquet(file, schema.toString(), reader.getRecordCount(), error);
    } catch (IOException | RuntimeException e) {
      return new CheckedParquet(file, "", 1, "not a Parquet file, or its footer is damaged");
    }
  }

  boolean isDamaged() {
    return !error.isEmpty();
  }

  /**
   * What is no document: the rows of a damaged file, one at least, of which none can be trusted; or
   * that there are none.
   */
  Iterator<Row> otherParts() {
    if (!isDamaged()) {
      Part none = new PassedOver(file.name(), PassedOver.Reason.PARQUET_WITHOUT_ROWS, 1);
      return List.of(CorpusReader.row(none)).iterator();
    }
    return LongStream.range(0, Math.max(1, rows))
        .mapToObj(row -> CorpusReader.row(new Unreadable(file.name(), row, error, "")))
        .iterator();
  }

  /** Spark refuses such a column, for all files of a scan. */
  private static Optional<String> strangeColumns(MessageType schema) {
    return schema.containsField("_metadata")
        ? Optional.of("a column has the name _metadata, which is Spark's own")
        : columnsOfOneName(schema);
  }

  private static Optional<String> columnsOfOneName(GroupType columns) {
    Map<String, String> names = new TreeMap<>();
    for (Type column : columns.getFields()) {
      String same = names.put(column.getName().toLowerCase(Locale.ROOT), column.getName());
      if (same != null) {
        return Optional.of(
            "columns %s and %s differ in case alone".formatted(same, column.getName()));
      }
      if (!column.isPrimitive()) {
        Optional<String> inside = columnsOfOneName(column.asGroupType());
        if (inside.isPresent()) {
          return inside;
        }
      }
    }
    return Optional.empty();
  }

  private static Optional<String> damage(Path path, Configuration hadoop) {
    Configuration checking = new Configuration(hadoop);
    checking.setBoolean(ParquetInputFormat.PAGE_VERIFY_CHECKSUM_ENABLED, true);
    long read = 0;
    try (ParquetReader<Group> groups =
        ParquetReader.builder(new GroupReadSupport(), path).withConf(checking).build()) {
      while (groups.read() != null) {
        read++;
      }
      return Optional.empty();
    } catch (IOException | RuntimeException e) {
      return Optional.of(
          "its Parquet file is damaged behind row %d: %s".formatted(read, reason(e)));
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
