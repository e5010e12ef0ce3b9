package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;

import io.moraine.jobs.config.DocumentSettings.OutputFormat;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Writes the tables of a dataset, and the results of stages that the next ones read. */
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

  /** Stores a stage's result and reads it back, so that nothing is computed twice. */
  Dataset<Row> stored(String stage, Dataset<Row> rows) {
    rows.write().parquet(dataset.work(stage));
    return spark.read().schema(rows.schema()).parquet(dataset.work(stage));
  }

  /** Writes a result in the chosen format, in the order of its keys. */
  void write(Dataset<Row> rows, String folder, List<String> order) {
    if (format == OutputFormat.PARQUET) {
      writeParquet(rows, folder, order, rows.count());
    } else {
      ordered(rows, order, rows.count()).write().option("compression", "gzip").json(folder);
    }
  }

  /** Writes a result of {@code count} rows as Parquet whatever the format is. */
  void writeParquet(Dataset<Row> rows, String folder, List<String> order, long count) {
    ordered(rows, order, count).write().parquet(folder);
  }

  private static Dataset<Row> ordered(Dataset<Row> rows, List<String> order, long count) {
    Column[] keys = order.stream().map(name -> col(name)).toArray(Column[]::new);
    int files = (int) Math.max(1, (count + ROWS_PER_FILE - 1) / ROWS_PER_FILE);
    return rows.repartitionByRange(files, keys).sortWithinPartitions(keys);
  }
}
