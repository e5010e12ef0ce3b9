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
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataType;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.IntegralType;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/** Documents from Parquet files, one per row; the offset is the row's index in its file. */
final class ParquetDocuments {

  private ParquetDocuments() {}

  /**
   * The parts of Parquet files; all files of one schema are one scan. A file without a readable
   * footer is one unreadable part; each row of a file with a damaged page is one, or the file if it
   * has none. A file without rows is passed over.
   *
   * @param tasks how many tasks read the files to their ends before the scan; changes no row
   * @throws CorpusException if a file has no text column of the configured name, or no text in it
   * @cost every file is read twice
   */
  static Dataset<Row> read(
      SparkSession spark, List<InputFile> files, ReadConfig config, int tasks) {
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    SerializableConfiguration hadoop =
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration());
    List<List<InputFile>> groups = InputFiles.pack(files, tasks);
    List<CheckedParquet> checked =
        context
            .parallelize(groups, groups.size())
            .flatMap(List::iterator)
            .map(file -> CheckedParquet.of(file, hadoop.value()))
            .collect();
    List<CheckedParquet> others =
        checked.stream().filter(file -> file.isDamaged() || file.rows() == 0).toList();
    Dataset<Row> parts =
        spark.createDataFrame(
            context
                .parallelize(others, Math.max(1, others.size()))
                .flatMap(CheckedParquet::otherParts),
            CorpusReader.PARTS);
    Map<String, List<InputFile>> bySchema = new TreeMap<>();
    for (CheckedParquet file : checked) {
      if (!file.isDamaged()) {
        bySchema.computeIfAbsent(file.schema(), schema -> new ArrayList<>()).add(file.file());
      }
    }
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
    DataType type = table.schema().apply(config.textField()).dataType();
    if (!type.equals(DataTypes.StringType) && !type.equals(DataTypes.BinaryType)) {
      throw new CorpusException(
          "%s: column \"%s\" must be text, is %s. Set read.text-field."
              .formatted(files.get(0).path(), config.textField(), type.simpleString()));
    }
    List<String> used =
        Stream.of(config.textField(), config.idField(), config.sourceField(), config.urlField())
            .filter(name -> name.equals(config.textField()) || isName(table.schema(), name))
            .toList();
    Column[] rest =
        columns.stream()
            .filter(name -> !used.contains(name))
            .map(ParquetDocuments::column)
            .toArray(Column[]::new);
    return table
        .select(
            column(config.textField()).cast("string"),
            optional(table.schema(), config.idField()),
            optional(table.schema(), config.sourceField()),
            col("_metadata.row_index").cast("long"),
            optional(table.schema(), config.urlField()),
            rest.length == 0 ? lit("{}") : to_json(struct(rest)),
            col("_metadata.file_path"))
        .map(new ToPart(nameOfPath, config), Encoders.row(CorpusReader.PARTS));
  }

  /** A file's path as Spark reads it, which takes paths for patterns. */
  private static String literal(InputFile file) {
    return file.path().replaceAll("[\\\\{}\\[\\]*?]", "\\\\$0");
  }

  private static Column optional(StructType schema, String name) {
    return isName(schema, name) ? column(name).cast("string") : lit(null).cast("string").as(name);
  }

  /** Whether a column has texts or integers, as in JSON lines; others stay with the metadata. */
  private static boolean isName(StructType schema, String name) {
    if (!Arrays.asList(schema.fieldNames()).contains(name)) {
      return false;
    }
    DataType type = schema.apply(name).dataType();
    return type.equals(DataTypes.StringType) || type instanceof IntegralType;
  }

  /** A column by its name as it is, dots and all. */
  private static Column column(String name) {
    return col("`" + name.replace("`", "``") + "`");
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
