package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.DocumentSettings.OutputFormat;
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

/**
 * Writes the tables of a dataset, and the results of stages that the next ones read. A table that
 * an interrupted job finished, which Spark marks by a file {@code _SUCCESS}, is not computed again.
 */
final class DatasetTables {

  /** Rows per output file: about 100 MB of documents or sequences. */
  private static final long ROWS_PER_FILE = 20_000;

  private final SparkSession spark;
  private final PreparedDataset dataset;
  private final OutputFormat format;

  DatasetTables(SparkSession spark, PreparedDataset dataset, OutputFormat format) {
    this.spark = spark;
    this.dataset = dataset;
    this.format = format;
  }

  /** What a stage stored before. */
  Dataset<Row> stored(String stage) {
    return spark.read().parquet(dataset.work(stage));
  }

  /** Stores a stage's result and reads it back, so that nothing is computed twice. */
  Dataset<Row> stored(String stage, Dataset<Row> rows) {
    return stored(stage, () -> rows);
  }

  /** The same for a stage whose mere plan is work: not asked for it if it is stored already. */
  Dataset<Row> stored(String stage, Supplier<Dataset<Row>> rows) {
    String folder = dataset.work(stage);
    if (!isFinished(folder)) {
      replacing(rows.get()).parquet(folder);
    }
    return stored(stage);
  }

  /** Writes a result in the chosen format, in the order of its keys. */
  void write(Dataset<Row> rows, String folder, List<String> order) {
    if (!isFinished(folder)) {
      write(rows, folder, order, rows.count());
    }
  }

  /** Writes a result of {@code count} rows in the chosen format, in the order of its keys. */
  void write(Dataset<Row> rows, String folder, List<String> order, long count) {
    if (format == OutputFormat.PARQUET) {
      writeParquet(rows, folder, order, count);
    } else if (!isFinished(folder)) {
      replacing(ordered(rows, order, count)).option("compression", "gzip").json(folder);
    }
  }

  /** Writes a result of {@code count} rows as Parquet whatever the format is. */
  void writeParquet(Dataset<Row> rows, String folder, List<String> order, long count) {
    if (!isFinished(folder)) {
      replacing(ordered(rows, order, count)).parquet(folder);
    }
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

  private static Dataset<Row> ordered(Dataset<Row> rows, List<String> order, long count) {
    Column[] keys = order.stream().map(name -> col(name)).toArray(Column[]::new);
    int files = (int) Math.max(1, (count + ROWS_PER_FILE - 1) / ROWS_PER_FILE);
    return rows.repartitionByRange(files, keys).sortWithinPartitions(keys);
  }
}
