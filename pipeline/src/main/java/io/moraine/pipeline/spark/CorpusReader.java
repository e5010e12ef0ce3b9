package io.moraine.pipeline.spark;

import io.moraine.pipeline.document.Document;
import io.moraine.pipeline.document.DocumentReader;
import io.moraine.pipeline.document.Part;
import io.moraine.pipeline.document.PassedOver;
import io.moraine.pipeline.document.ReadConfig;
import io.moraine.pipeline.document.Unreadable;
import java.io.IOException;
import java.io.InputStream;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.hadoop.conf.Configuration;
import org.apache.hadoop.fs.FSDataInputStream;
import org.apache.hadoop.fs.Path;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.util.SerializableConfiguration;

/**
 * Reads a corpus: every part of every file as a row, readable or not, and how much was passed over.
 */
public final class CorpusReader {

  /**
   * {@code error} is null for a document; {@code text} is null for a part that is not one. {@code
   * url} and {@code metadata} (a JSON object) are empty for a document without them. {@code
   * passed_over} is null for all parts but those that say how much was passed over: the reason's
   * label, and in {@code count} how often.
   */
  public static final StructType PARTS =
      new StructType()
          .add("id", "string")
          .add("source", "string")
          .add("file", "string")
          .add("offset", "long")
          .add("text", "string")
          .add("url", "string")
          .add("metadata", "string")
          .add("error", "string")
          .add("raw", "string")
          .add("passed_over", "string")
          .add("count", "long");

  /** Larger files are read by several tasks where their format allows it. */
  private static final long SPLIT_BYTES = 64L << 20;

  private CorpusReader() {}

  /**
   * The parts of all files below the inputs, {@link #PARTS}. Ids may repeat; see {@link UniqueIds}.
   *
   * @param inputs Hadoop paths of files and folders
   * @param tasks how many tasks share the files; changes no row
   * @throws io.moraine.pipeline.document.CorpusException if an input is missing or empty
   */
  public static Dataset<Row> read(
      SparkSession spark, List<String> inputs, ReadConfig config, int tasks) {
    return read(spark, inputs, config, tasks, SPLIT_BYTES);
  }

  /** The same with ranges of {@code splitBytes}; changes no row but counts' that add up. */
  static Dataset<Row> read(
      SparkSession spark, List<String> inputs, ReadConfig config, int tasks, long splitBytes) {
    Configuration hadoop = spark.sparkContext().hadoopConfiguration();
    InputFiles listed = InputFiles.list(hadoop, inputs);
    List<InputFile> files = listed.files();
    List<InputFile> streams =
        files.stream()
            .filter(file -> !file.isParquet())
            .flatMap(file -> file.split(splitBytes).stream())
            .toList();
    List<InputFile> tables = files.stream().filter(InputFile::isParquet).toList();
    Dataset<Row> parts = readStreams(spark, streams, config, tasks);
    if (!tables.isEmpty()) {
      parts = parts.union(ParquetDocuments.read(spark, tables, config, tasks));
    }
    List<Row> hidden = listed.hidden().stream().map(CorpusReader::row).toList();
    return hidden.isEmpty() ? parts : parts.union(spark.createDataFrame(hidden, PARTS));
  }

  private static Dataset<Row> readStreams(
      SparkSession spark, List<InputFile> files, ReadConfig config, int tasks) {
    if (files.isEmpty()) {
      return spark.createDataFrame(List.of(), PARTS);
    }
    JavaSparkContext context = JavaSparkContext.fromSparkContext(spark.sparkContext());
    List<List<InputFile>> groups = InputFiles.pack(files, tasks);
    SerializableConfiguration hadoop =
        new SerializableConfiguration(spark.sparkContext().hadoopConfiguration());
    return spark.createDataFrame(
        context.parallelize(groups, groups.size()).flatMap(new ReadFiles(config, hadoop)), PARTS);
  }

  static Row row(Part part) {
    if (part instanceof Document document) {
      return new PartRow()
          .with("id", document.id())
          .with("source", document.source())
          .with("file", document.file())
          .with("offset", document.offsetBytes())
          .with("text", document.text())
          .with("url", document.url())
          .with("metadata", document.metadata())
          .row();
    }
    if (part instanceof PassedOver passedOver) {
      return new PartRow()
          .with("file", passedOver.file())
          .with("passed_over", passedOver.reason().label())
          .with("count", passedOver.count())
          .row();
    }
    Unreadable unreadable = (Unreadable) part;
    return new PartRow()
        .with("file", unreadable.file())
        .with("offset", unreadable.offsetBytes())
        .with("error", unreadable.error())
        .with("raw", unreadable.raw())
        .row();
  }

  /** A row of {@link #PARTS}; columns without a value are null. */
  private static final class PartRow {

    private final Object[] values = new Object[PARTS.size()];

    PartRow with(String column, Object value) {
      values[PARTS.fieldIndex(column)] = value;
      return this;
    }

    Row row() {
      return RowFactory.create(values);
    }
  }

  /** Reads a group of files one after the other, one document in memory at a time. */
  private static final class ReadFiles implements FlatMapFunction<List<InputFile>, Row> {

    private static final long serialVersionUID = 1L;

    private final ReadConfig config;
    private final SerializableConfiguration hadoop;

    ReadFiles(ReadConfig config, SerializableConfiguration hadoop) {
      this.config = config;
      this.hadoop = hadoop;
    }

    @Override
    public Iterator<Row> call(List<InputFile> files) {
      return new FileRows(files, new DocumentReader(config), hadoop.value());
    }
  }

  private static final class FileRows implements Iterator<Row> {

    private final Iterator<InputFile> files;
    private final DocumentReader reader;
    private final Configuration hadoop;
    private InputStream open = InputStream.nullInputStream();
    private Iterator<Part> parts = List.<Part>of().iterator();

    FileRows(List<InputFile> files, DocumentReader reader, Configuration hadoop) {
      this.files = files.iterator();
      this.reader = reader;
      this.hadoop = hadoop;
    }

    @Override
    public boolean hasNext() {
      while (!parts.hasNext() && files.hasNext()) {
        openNext(files.next());
      }
      return parts.hasNext();
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return row(parts.next());
    }

    private void openNext(InputFile file) {
      try {
        open.close();
        Path path = new Path(file.path());
        FSDataInputStream stored = path.getFileSystem(hadoop).open(path);
        open = stored;
        if (file.isWhole()) {
          parts = reader.read(stored, file.name());
        } else {
          stored.seek(Math.max(0, file.fromBytes() - 1));
          parts = reader.readRange(stored, file.name(), file.fromBytes(), file.toBytes());
        }
      } catch (IOException e) {
        String error = "cannot be opened: " + e.getMessage();
        parts = List.<Part>of(new Unreadable(file.name(), file.fromBytes(), error, "")).iterator();
      }
    }
  }
}
