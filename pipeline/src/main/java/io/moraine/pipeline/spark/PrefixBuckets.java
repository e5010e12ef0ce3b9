package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;

import io.moraine.pipeline.lsh.Prefix;
import io.moraine.pipeline.lsh.Prefix.SharedShingle;
import io.moraine.pipeline.text.Shingles;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.NoSuchElementException;
import java.util.Queue;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.StructType;

/**
 * Documents of crowded buckets in smaller ones: by the shingles of their {@link Prefix}, ordered by
 * frequency among these documents. A text that all of them have in front is frequent and comes
 * last.
 *
 * @cost two shuffles of (shingle, id), the second without shingles that one document has
 */
final class PrefixBuckets {

  private static final StructType SHINGLES =
      new StructType()
          .add("increment", "int")
          .add("negative_length", "int")
          .add("id", "string")
          .add("size", "int")
          .add("shingle", "long");

  private PrefixBuckets() {}

  /**
   * The members of the buckets.
   *
   * @param documents with columns id, increment, negative_length, shingles
   * @return {@link BucketPairs#MEMBERS} without labels
   */
  static Dataset<Row> of(Dataset<Row> documents, double threshold) {
    return documents
        .select("increment", "negative_length", "id", "shingles")
        .flatMap(new ToShingles(), Encoders.row(SHINGLES))
        .withColumn("documents", count(lit(1)).over(Window.partitionBy("shingle")))
        .where(col("documents").gt(1))
        .repartition(col("id"))
        .sortWithinPartitions("id")
        .mapPartitions(new ToMembers(threshold), Encoders.row(BucketPairs.MEMBERS));
  }

  private static final class ToShingles implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Row row) {
      long[] shingles = Shingles.fromBytes(row.getAs(3));
      return Arrays.stream(shingles)
          .mapToObj(
              shingle ->
                  RowFactory.create(
                      row.getInt(0), row.getInt(1), row.getString(2), shingles.length, shingle))
          .iterator();
    }
  }

  /** Rows of {@link #SHINGLES} with documents, those of a document together, to members. */
  private static final class ToMembers implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final double threshold;

    ToMembers(double threshold) {
      this.threshold = threshold;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> shared) {
      return new Members(shared, threshold);
    }
  }

  private static final class Members implements Iterator<Row> {

    private final Iterator<Row> shared;
    private final double threshold;
    private final Queue<Row> members = new ArrayDeque<>();
    private Row next;

    Members(Iterator<Row> shared, double threshold) {
      this.shared = shared;
      this.threshold = threshold;
      advance();
    }

    @Override
    public boolean hasNext() {
      while (members.isEmpty() && next != null) {
        addDocument();
      }
      return !members.isEmpty();
    }

    @Override
    public Row next() {
      if (!hasNext()) {
        throw new NoSuchElementException();
      }
      return members.remove();
    }

    private void addDocument() {
      Row document = next;
      List<SharedShingle> shingles = new ArrayList<>();
      while (next != null && next.getString(2).equals(document.getString(2))) {
        shingles.add(new SharedShingle(next.getLong(4), next.getLong(5)));
        advance();
      }
      int size = document.getInt(3);
      Prefix.of(
          shingles.toArray(SharedShingle[]::new),
          size,
          threshold,
          (shingle, open) -> members.add(member(document, shingle, size, open)));
    }

    private static Row member(Row document, long shingle, int size, int open) {
      return RowFactory.create(
          shingle, document.getInt(0), document.getInt(1), document.getString(2), size, open, null);
    }

    private void advance() {
      next = shared.hasNext() ? shared.next() : null;
    }
  }
}
