package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.DocumentSettings.OutputFormat;
import io.moraine.pipeline.sequence.PackConfig;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.List;
import java.util.function.Supplier;
import org.apache.hadoop.fs.Path;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.DataFrameWriter;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SaveMode;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * Writes the tables of a dataset, and the results of stages that the next ones read. A table that
 * an interrupted job finished, which Spark marks by a file {@code _SUCCESS}, is not computed again.
 */
final class DatasetTables {

  /** Rows per output file: about 100 MB of documents. */
  private static final long ROWS_PER_FILE = 20_000;

  /** Tokens per file of sequences: about 100 MB. */
  private static final long TOKENS_PER_FILE = 1L << 25;

  private static final long SEQUENCE_ROW_GROUP_BYTES = 8L << 20;

  private final SparkSession spark;
  private final PreparedDataset dataset;
  private final OutputFormat format;

  DatasetTables(SparkSession spark, PreparedDataset dataset, OutputFormat format) {
    this.spark = spark;
    this.dataset = dataset;
    this.format = format;
  }

  /** What a stage stored before. */
  Dataset<Row> read(String stage) {
    return spark.read().parquet(dataset.work(stage));
  }

  /** Stores a stage's result and reads it back, so that nothing is computed twice. */
  Dataset<Row> stored(String stage, Dataset<Row> rows) {
    return storedOnce(stage, () -> rows);
  }

  /**
   * The same for a stage whose mere plan is work: not asked for it if it is stored already.
   *
   * @cost without dictionaries, of which ids, texts and shingles have no use
   */
  Dataset<Row> storedOnce(String stage, Supplier<Dataset<Row>> rows) {
    String folder = dataset.work(stage);
    if (isFinished(folder)) {
      return read(stage);
    }
    Dataset<Row> computed = rows.get();
    replacing(computed).option("parquet.enable.dictionary", false).parquet(folder);
    return spark.read().schema(computed.schema()).parquet(folder);
  }

  /** Writes a few rows that the driver has, in the chosen format, in the order of their keys. */
  void writeFew(List<Row> rows, StructType schema, String folder, List<String> order) {
    if (!isFinished(folder)) {
      Dataset<Row> few = spark.createDataFrame(rows, schema).coalesce(1);
      write(few.sortWithinPartitions(columns(order)), folder);
    }
  }

  /** Writes a result in the chosen format, in the order of its keys. */
  void write(Dataset<Row> rows, String folder, List<String> order) {
    if (!isFinished(folder)) {
      write(rows, folder, order, rows.count());
    }
  }

  /** Writes a result of {@code count} rows in the chosen format, in the order of its keys. */
  void write(Dataset<Row> rows, String folder, List<String> order, long count) {
    if (!isFinished(folder)) {
      write(ordered(rows, order, count, ROWS_PER_FILE), folder);
    }
  }

  private void write(Dataset<Row> rows, String folder) {
    if (format == OutputFormat.PARQUET) {
      replacing(rows).parquet(folder);
    } else {
      replacing(rows).option("compression", "gzip").json(folder);
    }
  }

  /**
   * Writes {@code count} rows as Parquet whatever the format is, those of a file in the order of
   * their keys; cheaper than a whole order, for which Spark computes the rows twice.
   */
  void writeByHash(Dataset<Row> rows, String folder, String key, long count) {
    if (!isFinished(folder)) {
      replacing(rows.repartition(files(count, ROWS_PER_FILE), col(key)).sortWithinPartitions(key))
          .parquet(folder);
    }
  }

  /**
   * Writes sequences as Parquet in small row groups: who reads a range of ids reads at most one
   * group too much at either end, and holds one at a time.
   */
  void writeSequences(Dataset<Row> rows, String folder, long count, PackConfig config) {
    if (!isFinished(folder)) {
      long rowsPerFile = Math.max(1, TOKENS_PER_FILE / config.rowTokens());
      replacing(ordered(rows, List.of("sequence_id"), count, rowsPerFile))
          .option("parquet.block.size", SEQUENCE_ROW_GROUP_BYTES)
          .parquet(folder);
    }
  }

  /** A result that was written as Parquet. */
  Dataset<Row> written(String folder) {
    return spark.read().parquet(folder);
  }

  boolean isStored(String stage) {
    return isFinished(dataset.work(stage));
  }

  private boolean isFinished(String folder) {
    try {
      Path mark = new Path(folder, "_SUCCESS");
      return mark.getFileSystem(spark.sparkContext().hadoopConfiguration()).exists(mark);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private static DataFrameWriter<Row> replacing(Dataset<Row> rows) {
    return rows.write().mode(SaveMode.Overwrite);
  }

  private static Dataset<Row> ordered(
      Dataset<Row> rows, List<String> order, long count, long rowsPerFile) {
    Column[] keys = columns(order);
    return rows.repartitionByRange(files(count, rowsPerFile), keys).sortWithinPartitions(keys);
  }

  private static Column[] columns(List<String> names) {
    return names.stream().map(name -> col(name)).toArray(Column[]::new);
  }

  private static int files(long count, long rowsPerFile) {
    return (int) Math.max(1, (count + rowsPerFile - 1) / rowsPerFile);
  }
}
