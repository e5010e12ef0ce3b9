package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.expr;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.spark_partition_id;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.component.RankedDocument;
import io.moraine.pipeline.hash.Hash128;
import io.moraine.pipeline.lines.FirstPlaces;
import io.moraine.pipeline.lines.LinesConfig;
import io.moraine.pipeline.lines.TextUnits;
import io.moraine.pipeline.lines.UnitPlace;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import org.apache.spark.HashPartitioner;
import org.apache.spark.api.java.JavaRDD;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.FlatMapFunction2;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.StructType;
import scala.Tuple2;

/**
 * Line and paragraph deduplication: a unit that stands in more than so many places of the corpus,
 * in other documents or the same, is cut from all of them but the first ones. Places are ordered by
 * the priority of their document, the longest first, then the smallest id, then by where they stand
 * in it.
 *
 * <p>Units are compared by the 128-bit hashes of {@link TextUnits}; among w units two different
 * ones collide with a probability below w^2 / 2^129. Of a document whose units are cut the others
 * stay as they were, so that one pass is enough.
 *
 * <p>(1) Each partition counts its units; the counts of a hash are added up. (2) Of the hashes
 * above {@code max-copies} each partition names its first {@code keep-copies} places, from which
 * the first ones of the corpus follow. (3) Each partition cuts its places behind the last of these.
 *
 * <p>Through the shuffle goes a row (partition, hash, copies) per partition and different unit in
 * it, and (partition, hash, place) rows of repeated units: a unit that stands in every document
 * makes at most {@code partitions x keep-copies} rows. Never text; documents are read three times
 * and must have the same partitions each time. Memory of a task: the repeated units of one
 * partition, about 300 bytes each; Spark's aggregation and sort buffers, which spill. Nothing is
 * collected on the driver.
 */
public final class RepeatedLines {

  private static final StructType UNITS =
      new StructType().add("partition", "int").add("high", "long").add("low", "long");
  private static final StructType PLACES =
      UNITS
          .add("place_of_partition", "int")
          .add("negative_length", "int")
          .add("id", "string")
          .add("word", "int");

  private RepeatedLines() {}

  /**
   * Cuts repeated lines or paragraphs.
   *
   * @param documents with columns id (unique) and text; better stored than computed
   * @return all documents in the columns they came with, the text without what was cut (empty if no
   *     word is left), and what was cut, which {@link CutTexts} tells from them
   */
  public static Dataset<Row> cut(SparkSession spark, Dataset<Row> documents, LinesConfig config) {
    StructType schema = CutTexts.schema(documents.schema());
    Columns columns = new Columns(schema.fieldIndex("id"), schema.fieldIndex("text"));
    JavaRDD<Row> texts = documents.javaRDD().map(CutTexts::uncut);
    int partitions = texts.getNumPartitions();
    JavaRDD<Row> repeated =
        toPartitions(repeated(spark.createDataFrame(texts, schema), config), partitions);
    JavaRDD<Row> places = texts.zipPartitions(repeated, new ToPlaces(columns, config));
    Dataset<Row> limits = limits(spark.createDataFrame(places, PLACES), config.keepCopies());
    JavaRDD<Row> cut =
        texts.zipPartitions(toPartitions(limits, partitions), new Cut(columns, config));
    return spark.createDataFrame(cut, schema);
  }

  /** {@link #UNITS} that stand in too many places, by each partition they stand in. */
  private static Dataset<Row> repeated(Dataset<Row> documents, LinesConfig config) {
    WindowSpec same = Window.partitionBy("high", "low");
    return documents
        .select(spark_partition_id(), col("text"))
        .flatMap(new ToUnits(config), Encoders.row(UNITS))
        .groupBy("partition", "high", "low")
        .agg(count(lit(1)).as("copies"))
        .withColumn("places", sum("copies").over(same))
        .where(col("places").gt(config.maxCopies()))
        .select("partition", "high", "low");
  }

  /** For each partition and repeated unit in it: the unit's first place and the last that stays. */
  private static Dataset<Row> limits(Dataset<Row> places, int keep) {
    WindowSpec ordered = Window.partitionBy("high", "low").orderBy("negative_length", "id", "word");
    WindowSpec all = ordered.rowsBetween(Window.unboundedPreceding(), Window.unboundedFollowing());
    return places
        .withColumn("place", struct("negative_length", "id", "word"))
        .withColumn("first", first("place").over(all))
        .withColumn("rank", row_number().over(ordered))
        .withColumn("last", first(expr("if(rank = " + keep + ", place, null)"), true).over(all))
        .where(col("place_of_partition").equalTo(0))
        .select("partition", "high", "low", "first", "last");
  }

  /** Rows by the partition in their first column. */
  private static JavaRDD<Row> toPartitions(Dataset<Row> rows, int partitions) {
    return rows.javaRDD()
        .mapToPair(row -> new Tuple2<>(row.getInt(0), row))
        .partitionBy(new HashPartitioner(partitions))
        .values();
  }

  private static Hash128 hash(Row unit) {
    return new Hash128(unit.getLong(2), unit.getLong(1));
  }

  private static UnitPlace placeOf(String text, String id, TextUnits units, int unit) {
    int length = text.codePointCount(0, text.length());
    return new UnitPlace(new RankedDocument(0, length, id), units.words(unit).from());
  }

  private static void requireSeen(boolean isSeen) {
    if (!isSeen) {
      throw new IllegalStateException(
          "documents are not in the partitions they were in: store the documents first");
    }
  }

  /** Where id and text of a document stand in its row. */
  private record Columns(int id, int text) implements Serializable {}

  /** (partition, text) to the hashes of its units. */
  private static final class ToUnits implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final LinesConfig config;

    ToUnits(LinesConfig config) {
      this.config = config;
    }

    @Override
    public Iterator<Row> call(Row row) {
      TextUnits units = TextUnits.of(row.getString(1), config.unit());
      List<Row> hashes = new ArrayList<>(units.count());
      for (int i = 0; i < units.count(); i++) {
        if (units.words(i).words() >= config.minWords()) {
          Hash128 hash = units.hash(i);
          hashes.add(RowFactory.create(row.getInt(0), hash.high(), hash.low()));
        }
      }
      return hashes.iterator();
    }
  }

  /** The documents of a partition and its repeated units to the first places of each there. */
  private static final class ToPlaces
      implements FlatMapFunction2<Iterator<Row>, Iterator<Row>, Row> {

    private static final long serialVersionUID = 1L;

    private final Columns columns;
    private final LinesConfig config;

    ToPlaces(Columns columns, LinesConfig config) {
      this.columns = columns;
      this.config = config;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> documents, Iterator<Row> repeated) {
      Map<Hash128, FirstPlaces> places = new HashMap<>();
      int partition = 0;
      while (repeated.hasNext()) {
        Row unit = repeated.next();
        partition = unit.getInt(0);
        places.put(hash(unit), new FirstPlaces(config.keepCopies()));
      }
      while (documents.hasNext() && !places.isEmpty()) {
        Row document = documents.next();
        String text = document.getString(columns.text());
        TextUnits units = TextUnits.of(text, config.unit());
        for (int i = 0; i < units.count(); i++) {
          FirstPlaces found = places.get(units.hash(i));
          if (found != null) {
            found.add(placeOf(text, document.getString(columns.id()), units, i));
          }
        }
      }
      return rows(partition, places);
    }

    private static Iterator<Row> rows(int partition, Map<Hash128, FirstPlaces> places) {
      List<Row> rows = new ArrayList<>();
      places.forEach(
          (hash, first) -> {
            requireSeen(!first.places().isEmpty());
            for (int i = 0; i < first.places().size(); i++) {
              UnitPlace place = first.places().get(i);
              rows.add(
                  RowFactory.create(
                      partition,
                      hash.high(),
                      hash.low(),
                      i,
                      -place.document().length(),
                      place.document().id(),
                      place.word()));
            }
          });
      return rows.iterator();
    }
  }

  /** Cuts the places of a partition behind the last one that stays. */
  private static final class Cut implements FlatMapFunction2<Iterator<Row>, Iterator<Row>, Row> {

    private static final long serialVersionUID = 1L;

    private final Columns columns;
    private final LinesConfig config;

    Cut(Columns columns, LinesConfig config) {
      this.columns = columns;
      this.config = config;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> documents, Iterator<Row> limits) {
      Map<Hash128, Limit> ofUnit = new HashMap<>();
      while (limits.hasNext()) {
        Row limit = limits.next();
        ofUnit.put(hash(limit), new Limit(place(limit.getStruct(3)), place(limit.getStruct(4))));
      }
      return new CutDocuments(documents, columns, config, ofUnit);
    }

    private static UnitPlace place(Row place) {
      return new UnitPlace(
          new RankedDocument(0, -place.getInt(0), place.getString(1)), place.getInt(2));
    }
  }

  private static final class CutDocuments implements Iterator<Row> {

    private final Iterator<Row> documents;
    private final Columns columns;
    private final LinesConfig config;
    private final Map<Hash128, Limit> limits;
    private int seen;

    CutDocuments(
        Iterator<Row> documents, Columns columns, LinesConfig config, Map<Hash128, Limit> limits) {
      this.documents = documents;
      this.columns = columns;
      this.config = config;
      this.limits = limits;
    }

    @Override
    public boolean hasNext() {
      boolean more = documents.hasNext();
      requireSeen(more || seen == limits.size());
      return more;
    }

    @Override
    public Row next() {
      Row document = documents.next();
      return limits.isEmpty() ? document : cut(document);
    }

    private Row cut(Row document) {
      String text = document.getString(columns.text());
      TextUnits units = TextUnits.of(text, config.unit());
      CutTexts.Pass cuts = new CutTexts.Pass(1, text);
      BitSet behind = new BitSet();
      for (int i = 0; i < units.count(); i++) {
        Limit limit = limits.get(units.hash(i));
        if (limit != null) {
          seen += limit.see();
          UnitPlace place = placeOf(text, document.getString(columns.id()), units, i);
          if (place.compareTo(limit.last) > 0) {
            behind.set(i);
            cuts.add(
                units.words(i), units.place(i), limit.first.document().id(), limit.first.word());
          }
        }
      }
      return behind.isEmpty()
          ? document
          : CutTexts.cut(document, columns.text(), units.without(behind), cuts.rows());
    }
  }

  /** The first place of a unit in the corpus and the last that stays. */
  private static final class Limit {

    private final UnitPlace first;
    private final UnitPlace last;
    private boolean isSeen;

    Limit(UnitPlace first, UnitPlace last) {
      this.first = first;
      this.last = last;
    }

    /** 1 if the unit is seen for the first time. */
    int see() {
      int added = isSeen ? 0 : 1;
      isSeen = true;
      return added;
    }
  }
}
