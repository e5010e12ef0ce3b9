package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.countDistinct;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.decontamination.DecontaminationConfig;
import io.moraine.pipeline.decontamination.Decontaminator;
import io.moraine.pipeline.decontamination.Decontaminator.Cut;
import io.moraine.pipeline.decontamination.Decontaminator.Finding;
import io.moraine.pipeline.decontamination.EvaluationIndex;
import io.moraine.pipeline.decontamination.EvaluationIndex.SetSize;
import io.moraine.pipeline.decontamination.Overlap.ItemOverlap;
import io.moraine.pipeline.decontamination.Overlap.SetOverlap;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Removes what evaluation sets and a corpus share: documents are scanned for the n-grams of an
 * {@link EvaluationIndex}, each on its own.
 *
 * <p>Each executor holds the index. Documents are read once; once more before that if {@code
 * max-documents} asks in how many documents each n-gram stands. Texts take part in no shuffle.
 */
public final class Decontamination {

  /** What was cut, each word once, and an item because of which. */
  public static final StructType CUTS = CutTexts.PLACES.add("item", "string");

  /**
   * One row per set: how many items it has, how many of these are too short to be looked for and
   * how many were found; how many different n-grams and how many of these are common phrases; the
   * documents that share some with it and how many of their words they share.
   */
  public static final StructType REPORT =
      new StructType()
          .add("set", "string")
          .add("items", "long")
          .add("items_short", "long")
          .add("items_found", "long")
          .add("n_grams", "long")
          .add("n_grams_ignored", "long")
          .add("documents", "long")
          .add("words", "long");

  private static final StructType ITEM = new StructType().add("set", "string").add("line", "long");
  private static final StructType SET = new StructType().add("set", "string").add("words", "int");

  private Decontamination() {}

  /**
   * What the search came to.
   *
   * @param documents those that stay, in the columns they came with, cut where that was asked for
   * @param removed id, reason, detail of the others
   * @param cuts id and {@link #CUTS}
   * @param report {@link #REPORT}
   */
  public record Outcome(
      Dataset<Row> documents, Dataset<Row> removed, Dataset<Row> cuts, Dataset<Row> report) {}

  /**
   * Finds and removes contamination.
   *
   * @param documents with columns id (unique) and text
   * @param index of {@code config.sets()}
   */
  public static Outcome search(
      SparkSession spark,
      Dataset<Row> documents,
      EvaluationIndex index,
      DecontaminationConfig config,
      TableStore tables) {
    Broadcast<EvaluationIndex> shared =
        JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(index);
    BitSet ignored = ignored(documents, shared, config.maxDocuments(), tables);
    StructType schema =
        documents
            .schema()
            .add("reason", "string")
            .add("detail", "string")
            .add("found_cuts", DataTypes.createArrayType(CUTS))
            .add("found_items", DataTypes.createArrayType(ITEM))
            .add("found_sets", DataTypes.createArrayType(SET));
    Check check = new Check(shared, ignored, config, documents.schema().fieldIndex("text"));
    Dataset<Row> checked = tables.store("checked", documents.map(check, Encoders.row(schema)));
    return new Outcome(
        checked
            .where(col("reason").isNull())
            .drop("reason", "detail", "found_cuts", "found_items", "found_sets"),
        checked.where(col("reason").isNotNull()).select("id", "reason", "detail"),
        checked.select(col("id"), explode(col("found_cuts")).as("cut")).select("id", "cut.*"),
        spark.createDataFrame(report(checked, index.sizes(ignored)), REPORT));
  }

  /** The n-grams that stand in too many documents. */
  private static BitSet ignored(
      Dataset<Row> documents,
      Broadcast<EvaluationIndex> index,
      int maxDocuments,
      TableStore tables) {
    BitSet ignored = new BitSet();
    if (maxDocuments > 0) {
      Dataset<Row> common =
          documents
              .select("text")
              .flatMap(new ToNGrams(index), Encoders.INT())
              .groupBy(col("value").as("n_gram"))
              .agg(count(lit(1)).as("documents"))
              .where(col("documents").gt(maxDocuments));
      tables
          .store("common", common)
          .select("n_gram")
          .collectAsList()
          .forEach(row -> ignored.set(row.getInt(0)));
    }
    return ignored;
  }

  private static List<Row> report(Dataset<Row> checked, List<SetSize> sizes) {
    Map<String, Long> items = new HashMap<>();
    checked
        .select(explode(col("found_items")).as("item"))
        .groupBy("item.set")
        .agg(countDistinct("item.line"))
        .collectAsList()
        .forEach(row -> items.put(row.getString(0), row.getLong(1)));
    Map<String, Row> documents = new HashMap<>();
    checked
        .select(explode(col("found_sets")).as("found"))
        .groupBy("found.set")
        .agg(count(lit(1)), sum("found.words"))
        .collectAsList()
        .forEach(row -> documents.put(row.getString(0), row));
    List<Row> rows = new ArrayList<>();
    for (SetSize size : sizes) {
      Row found = documents.getOrDefault(size.set(), RowFactory.create(size.set(), 0L, 0L));
      rows.add(
          RowFactory.create(
              size.set(),
              (long) size.items(),
              (long) size.shortItems(),
              items.getOrDefault(size.set(), 0L),
              (long) size.nGrams(),
              (long) size.ignored(),
              found.getLong(1),
              found.getLong(2)));
    }
    return rows;
  }

  /** (text) to its different n-grams. */
  private static final class ToNGrams implements FlatMapFunction<Row, Integer> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<EvaluationIndex> index;

    ToNGrams(Broadcast<EvaluationIndex> index) {
      this.index = index;
    }

    @Override
    public Iterator<Integer> call(Row row) {
      return Arrays.stream(index.value().nGramsOf(row.getString(0))).boxed().iterator();
    }
  }

  /** A document to itself with what was found; a removed one loses its text. */
  private static final class Check implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<EvaluationIndex> index;
    private final BitSet ignored;
    private final DecontaminationConfig config;
    private final int textColumn;

    Check(
        Broadcast<EvaluationIndex> index,
        BitSet ignored,
        DecontaminationConfig config,
        int textColumn) {
      this.index = index;
      this.ignored = ignored;
      this.config = config;
      this.textColumn = textColumn;
    }

    @Override
    public Row call(Row document) {
      int columns = document.size();
      Object[] values = new Object[columns + 5];
      for (int i = 0; i < columns; i++) {
        values[i] = document.get(i);
      }
      Decontaminator decontaminator = new Decontaminator(index.value(), ignored, config);
      Optional<Finding> found = decontaminator.check(document.getString(textColumn));
      if (found.isPresent()) {
        Finding finding = found.get();
        boolean isRemoved = !finding.reason().isEmpty();
        values[textColumn] = isRemoved ? null : finding.text();
        values[columns] = isRemoved ? finding.reason() : null;
        values[columns + 1] = isRemoved ? finding.detail() : null;
        values[columns + 2] = finding.cuts().stream().map(Check::row).toArray(Row[]::new);
        values[columns + 3] =
            finding.overlap().items().stream().map(Check::row).toArray(Row[]::new);
        values[columns + 4] = finding.overlap().sets().stream().map(Check::row).toArray(Row[]::new);
      }
      return RowFactory.create(values);
    }

    private static Row row(Cut cut) {
      return RowFactory.create(
          cut.pass(),
          cut.startWord(),
          cut.words(),
          cut.startCharacter(),
          cut.characters(),
          cut.item());
    }

    private static Row row(ItemOverlap item) {
      return RowFactory.create(item.set(), item.line());
    }

    private static Row row(SetOverlap set) {
      return RowFactory.create(set.set(), set.words());
    }
  }
}
