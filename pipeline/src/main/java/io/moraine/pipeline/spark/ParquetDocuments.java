package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.to_json;

import io.moraine.pipeline.document.CorpusException;
import io.moraine.pipeline.document.Document;
import io.moraine.pipeline.document.DocumentReader;
import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.document.Unreadable;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.Path;
import org.apache.parquet.hadoop.ParquetFileReader;
import org.apache.parquet.hadoop.util.HadoopInputFile;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.util.SerializableConfiguration;

/** Documents from Parquet files, one per row; the offset is the row's index in its file. */
final class ParquetDocuments {

  private static final int MAX_FOOTER_TASKS = 64;

  private ParquetDocuments() {}

  /**
   * The parts of Parquet files; all files of one schema are one scan. A file without a readable
   * footer is one unreadable part.
   *
   * @throws CorpusException if a file has no text column of the configured name
   * @cost every footer is read once more, on the cluster
   */
  static Dataset<Row> read(SparkSession spark, List<InputFile> files, ReadConfig config) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    SerializableConfiguration hadoop =
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration());
    Map<String, List<InputFile>> bySchema = new TreeMap<>();
    List<Row> damaged = new ArrayList<>();
    int tasks = Math.min(files.size(), MAX_FOOTER_TASKS);
    for (Footer footer :
        context.parallelize(files, tasks).map(file -> footer(file, hadoop.value())).collect()) {
      if (footer.error().isEmpty()) {
        bySchema.computeIfAbsent(footer.schema(), schema -> new ArrayList<>()).add(footer.file());
      } else {
        Unreadable unreadable = new Unreadable(footer.file().name(), 0, footer.error(), "");
        damaged.add(CorpusReader.row(unreadable));
      }
    }
    Dataset<Row> parts = spark.createDataFrame(damaged, CorpusReader.PARTS);
    for (List<InputFile> alike : bySchema.values()) {
      parts = parts.union(readAlike(spark, alike, config));
    }
    return parts;
  }

  private static Dataset<Row> readAlike(
      SparkSession spark, List<InputFile> files, ReadConfig config) {
    String[] paths = files.stream().map(ParquetDocuments::literal).toArray(String[]::new);
    Map<String, String> names = new HashMap<>();
    for (InputFile file : files) {
      names.put(new Path(file.path()).toUri().toString(), file.name());
    }
    Broadcast<Map<String, String>> nameOfPath =
        JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(names);
    Dataset<Row> table = spark.read().parquet(paths);
    List<String> columns = Arrays.asList(table.columns());
    if (!columns.contains(config.textField())) {
      throw new CorpusException(
          "%s has no column \"%s\"; its columns are %s. Set read.text-field."
              .formatted(files.get(0).path(), config.textField(), String.join(", ", columns)));
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
            rest.length == 0 ? lit("{}") : to_json(struct(rest)),
            col("_metadata.file_path"))
        .map(new ToPart(nameOfPath, config), Encoders.row(CorpusReader.PARTS));
  }

  /** A file's path as Spark reads it, which takes paths for patterns. */
  private static String literal(InputFile file) {
    return file.path().replaceAll("[\\\\{}\\[\\]*?]", "\\\\$0");
  }

  private static Column optional(List<String> columns, String name) {
    return columns.contains(name) ? column(name).cast("string") : lit(null).cast("string").as(name);
  }

  /** A column by its name as it is, dots and all. */
  private static Column column(String name) {
    return col("`" + name.replace("`", "``") + "`");
  }

  /** A file's schema as text, or what is wrong with the file. */
  private record Footer(InputFile file, String schema, String error) implements Serializable {}

  private static Footer footer(InputFile file, Configuration hadoop) {
    try (ParquetFileReader reader =
        ParquetFileReader.open(HadoopInputFile.fromPath(new Path(file.path()), hadoop))) {
      return new Footer(file, reader.getFileMetaData().getSchema().toString(), "");
    } catch (IOException | RuntimeException e) {
      return new Footer(file, "", "not a Parquet file: " + e.getMessage());
    }
  }

  /** (text, id or null, source or null, row index, url or null, metadata, path) to a part. */
  private static final class ToPart implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<Map<String, String>> nameOfPath;
    private final ReadConfig config;

    ToPart(Broadcast<Map<String, String>> nameOfPath, ReadConfig config) {
      this.nameOfPath = nameOfPath;
      this.config = config;
    }

    @Override
    public Row call(Row row) {
      long index = row.getLong(3);
      String file = nameOfPath.value().get(row.getString(6));
      return CorpusReader.row(
          row.isNullAt(0)
              ? new Unreadable(file, index, "the text is null", "")
              : new DocumentReader(config)
                  .checked(
                      new Document(
                          isAbsent(row, 1) ? DocumentReader.idOf(file, index) : row.getString(1),
                          isAbsent(row, 2) ? DocumentReader.sourceOf(file) : row.getString(2),
                          file,
                          index,
                          row.getString(0),
                          row.isNullAt(4) ? "" : row.getString(4),
                          row.getString(5).equals("{}") ? "" : row.getString(5))));
    }

    /** As in JSON lines, an empty name is none. */
    private static boolean isAbsent(Row row, int column) {
      return row.isNullAt(column) || row.getString(column).isEmpty();
    }
  }
}
