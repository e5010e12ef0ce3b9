package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;

import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.document.Document;
import io.moraine.pipeline.document.DocumentReader;
import io.moraine.pipeline.document.Part;
import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.document.Unreadable;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;

/** Documents from Parquet files, one per row; the offset is the row's index in its file. */
final class ParquetDocuments {

  private ParquetDocuments() {}

  /**
   * The parts of Parquet files. A file without a readable footer is one unreadable part.
   *
   * @throws CorpusException if a file has no text column of the configured name
   */
  static Dataset<Row> read(SparkSession spark, List<InputFile> files, ReadConfig config) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    List<Row> damaged = new ArrayList<>();
    Dataset<Row> parts = spark.createDataFrame(List.of(), CorpusReader.PARTS);
    for (InputFile file : files) {
      String error = footerError(file, hadoop);
      if (error.isEmpty()) {
        parts = parts.union(readFile(spark, file, config));
      } else {
        damaged.add(CorpusReader.row(new Unreadable(file.name(), 0, error, "")));
      }
    }
    return parts.union(spark.createDataFrame(damaged, CorpusReader.PARTS));
  }

  private static Dataset<Row> readFile(SparkSession spark, InputFile file, ReadConfig config) {
    Dataset<Row> table = spark.read().parquet(file.path());
    List<String> columns = Arrays.asList(table.columns());
    if (!columns.contains(config.textField())) {
      throw new CorpusException(
          "%s has no column \"%s\"; its columns are %s. Set read.text-field."
              .formatted(file.path(), config.textField(), String.join(", ", columns)));
    }
    List<String> used =
        List.of(config.textField(), config.idField(), config.sourceField(), config.urlField());
    Column[] rest =
        columns.stream()
            .filter(name -> !used.contains(name))
            .map(ParquetDocuments::column)
            .toArray(Column[]::new);
    return table
        .select(
            column(config.textField()).cast("string"),
            optional(columns, config.idField()),
            optional(columns, config.sourceField()),
            col("_metadata.row_index").cast("long"),
            optional(columns, config.urlField()),
            rest.length == 0 ? lit("{}") : to_json(struct(rest)))
        .map(new ToPart(file.name()), Encoders.row(CorpusReader.PARTS));
  }

  private static Column optional(List<String> columns, String name) {
    return columns.contains(name) ? column(name).cast("string") : lit(null).cast("string").as(name);
  }

  /** A column by its name as it is, dots and all. */
  private static Column column(String name) {
    return col("`" + name.replace("`", "``") + "`");
  }

  private static String footerError(InputFile file, Configuration hadoop) {
    try (ParquetFileReader reader =
        ParquetFileReader.open(HadoopInputFile.fromPath(new Path(file.path()), hadoop))) {
      return reader.getFooter() == null ? "no footer" : "";
    } catch (IOException | RuntimeException e) {
      return "not a Parquet file: " + e.getMessage();
    }
  }

  /** (text, id or null, source or null, row index, url or null, metadata) to a part. */
  private static final class ToPart implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final String file;

    ToPart(String file) {
      this.file = file;
    }

    @Override
    public Row call(Row row) {
      long index = row.getLong(3);
      Part part =
          row.isNullAt(0)
              ? new Unreadable(file, index, "the text is null", "")
              : new Document(
                  row.isNullAt(1) ? DocumentReader.idOf(file, index) : row.getString(1),
                  row.isNullAt(2) ? DocumentReader.sourceOf(file) : row.getString(2),
                  file,
                  index,
                  row.getString(0),
                  row.isNullAt(4) ? "" : row.getString(4),
                  row.getString(5).equals("{}") ? "" : row.getString(5));
      return CorpusReader.row(part);
    }
  }
}
