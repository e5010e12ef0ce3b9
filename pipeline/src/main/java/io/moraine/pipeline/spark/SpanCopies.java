package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.apache.spark.sql.functions.struct;

import io.moraine.pipeline.spark.DocumentZip.Combine;
import io.moraine.pipeline.spark.DocumentZip.Found;
import io.moraine.pipeline.substring.Anchors;
import io.moraine.pipeline.substring.CopyRun;
import io.moraine.pipeline.text.WordRange;
import io.moraine.pipeline.text.WordSpans;
import io.moraine.pipeline.text.WordWindows;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import java.util.List;
import java.util.stream.IntStream;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.StructType;
import org.apache.spark.storage.StorageLevel;

/** One pass of {@link RepeatedSpans}: which windows of the texts are copies that can be cut now. */
final class SpanCopies {

  private static final StructType ANCHORS =
      new StructType()
          .add("hash", "long")
          .add("partition", "int")
          .add("id", "string")
          .add("position", "int");
  private static final StructType WINDOWS =
      new StructType()
          .add("high", "long")
          .add("low", "long")
          .add("partition", "int")
          .add("id", "string")
          .add("position", "int");
  private static final StructType RUNS =
      new StructType()
          .add("partition", "int")
          .add("id", "string")
          .add("start", "int")
          .add("windows", "int")
          .add("first_id", "string")
          .add("first_start", "int");
  private static final StructType REGIONS =
      new StructType().add("region_id", "string").add("regions", "array<int>");

  private SpanCopies() {}

  /** The copies to cut in one pass, in the partitions of their documents. */
  static JavaRDD<Found<List<CopyRun>>> find(
      SparkSession spark, JavaRDD<Row> texts, StructType schema, int n) {
    int id = schema.fieldIndex("id");
    int text = schema.fieldIndex("text");
    int partitions = texts.getNumPartitions();
    Dataset<Row> anchors =
        spark
            .createDataFrame(texts, schema)
            .select(spark_partition_id(), col("id"), col("text"))
            .flatMap(new ToAnchors(n), Encoders.row(ANCHORS));
    JavaRDD<Found<int[]>> repeated =
        DocumentZip.toPartitions(
            repeated(anchors).javaRDD().map(SpanCopies::foundAnchors), partitions);
    JavaRDD<Row> windows = DocumentZip.zip(texts, id, repeated, new ToWindows(text, n));
    JavaRDD<Row> stored =
        runs(marked(spark.createDataFrame(windows, WINDOWS)))
            .javaRDD()
            .persist(StorageLevel.MEMORY_AND_DISK());
    Dataset<Row> runs = spark.createDataFrame(stored, RUNS);
    Dataset<Row> copies =
        runs.join(regions(runs, n), col("first_id").equalTo(col("region_id")), "left")
            .select("partition", "id", "start", "windows", "first_id", "first_start", "regions")
            .flatMap(new WhoseFirstsStay(n), Encoders.row(RUNS))
            .groupBy("partition", "id")
            .agg(collect_list(struct("start", "windows", "first_id", "first_start")));
    return DocumentZip.toPartitions(copies.javaRDD().map(SpanCopies::foundCopies), partitions);
  }

  /** Places of the anchors that stand more than once, by document. */
  private static Dataset<Row> repeated(Dataset<Row> anchors) {
    return anchors
        .withColumn("copies", count(lit(1)).over(Window.partitionBy("hash")))
        .where(col("copies").gt(1))
        .groupBy("partition", "id")
        .agg(collect_list("position"));
  }

  /** Windows that are not the first of their hash, with the first. */
  private static Dataset<Row> marked(Dataset<Row> windows) {
    WindowSpec copies = Window.partitionBy("high", "low").orderBy("id", "position");
    return windows
        .withColumn("first_id", first("id").over(copies))
        .withColumn("first_position", first("position").over(copies))
        .where(
            not(
                col("id")
                    .equalTo(col("first_id"))
                    .and(col("position").equalTo(col("first_position")))));
  }

  /** Consecutive copies of consecutive first windows, {@link #RUNS}. */
  private static Dataset<Row> runs(Dataset<Row> marked) {
    WindowSpec aligned = Window.partitionBy("id", "first_id", "shift").orderBy("position");
    return marked
        .withColumn("shift", col("position").minus(col("first_position")))
        .withColumn("gaps", col("position").minus(row_number().over(aligned)))
        .groupBy("partition", "id", "first_id", "shift", "gaps")
        .agg(
            min("position").as("start"),
            count(lit(1)).cast("int").as("windows"),
            min("first_position").as("first_start"))
        .select("partition", "id", "start", "windows", "first_id", "first_start");
  }

  /** The words of each document that may be cut in this pass, {@link #REGIONS}. */
  private static Dataset<Row> regions(Dataset<Row> runs, int n) {
    return runs.groupBy("id")
        .agg(collect_list(struct("start", "windows", "first_id", "first_start")))
        .map(new ToRegions(n), Encoders.row(REGIONS));
  }

  private static Found<int[]> foundAnchors(Row row) {
    int[] anchors = row.<Integer>getList(2).stream().mapToInt(Integer::intValue).sorted().toArray();
    return new Found<>(row.getInt(0), row.getString(1), anchors);
  }

  private static Found<List<CopyRun>> foundCopies(Row row) {
    String id = row.getString(1);
    return new Found<>(row.getInt(0), id, runsOf(id, row.getList(2)));
  }

  private static List<CopyRun> runsOf(String id, List<Row> structs) {
    List<CopyRun> runs = new ArrayList<>(structs.size());
    for (Row run : structs) {
      runs.add(runOf(id, run, 0));
    }
    return runs;
  }

  private static CopyRun runOf(String id, Row row, int at) {
    String firstId = row.getString(at + 2);
    return new CopyRun(
        row.getInt(at), row.getInt(at + 1), firstId, row.getInt(at + 3), id.equals(firstId));
  }

  /** (partition, id, text) to the places of its anchors. */
  private static final class ToAnchors implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int n;

    ToAnchors(int n) {
      this.n = n;
    }

    @Override
    public Iterator<Row> call(Row row) {
      int partition = row.getInt(0);
      String id = row.getString(1);
      Anchors anchors = Anchors.of(WordSpans.of(row.getString(2)).low(), n);
      return Arrays.stream(anchors.distinct())
          .mapToObj(place -> RowFactory.create(anchors.hash(place), partition, id, place))
          .iterator();
    }
  }

  /** A document to those of its windows whose anchors stand more than once. */
  private static final class ToWindows implements Combine<int[]> {

    private static final long serialVersionUID = 1L;

    private final int textColumn;
    private final int n;

    ToWindows(int textColumn, int n) {
      this.textColumn = textColumn;
      this.n = n;
    }

    @Override
    public Iterator<Row> apply(Row document, Found<int[]> repeated) {
      if (repeated == null) {
        return Collections.emptyIterator();
      }
      WordSpans words = WordSpans.of(document.getString(textColumn));
      Anchors anchors = Anchors.of(words.low(), n);
      long[] low = WordWindows.hashes(words.low(), n);
      long[] high = WordWindows.hashes(words.high(), n);
      return IntStream.range(0, anchors.windows())
          .filter(i -> Arrays.binarySearch(repeated.value(), anchors.ofWindow(i)) >= 0)
          .mapToObj(i -> RowFactory.create(high[i], low[i], repeated.partition(), repeated.id(), i))
          .iterator();
    }
  }

  /** (id, runs) to the words that the runs may take from the document. */
  private static final class ToRegions implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int n;

    ToRegions(int n) {
      this.n = n;
    }

    @Override
    public Row call(Row row) {
      List<WordRange> regions = new ArrayList<>();
      for (CopyRun run : runsOf(row.getString(0), row.getList(1))) {
        regions.add(run.region(n));
      }
      int[] flat =
          WordRange.union(regions).stream()
              .flatMapToInt(region -> IntStream.of(region.from(), region.to()))
              .toArray();
      return RowFactory.create(row.getString(0), flat);
    }
  }

  /** A run and the regions of its first windows' document to the runs that can be cut now. */
  private static final class WhoseFirstsStay implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int n;

    WhoseFirstsStay(int n) {
      this.n = n;
    }

    @Override
    public Iterator<Row> call(Row row) {
      List<WordRange> regions = new ArrayList<>();
      if (!row.isNullAt(6)) {
        List<Integer> flat = row.getList(6);
        for (int i = 0; i < flat.size(); i += 2) {
          regions.add(new WordRange(flat.get(i), flat.get(i + 1)));
        }
      }
      return runOf(row.getString(1), row, 2).whoseFirstsAvoid(regions, n).stream()
          .map(
              run ->
                  RowFactory.create(
                      row.getInt(0),
                      row.getString(1),
                      run.start(),
                      run.windows(),
                      run.firstId(),
                      run.firstStart()))
          .iterator();
    }
  }
}
