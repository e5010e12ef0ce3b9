package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;

import io.moraine.pipeline.lsh.Prefix;
import io.moraine.pipeline.lsh.Prefix.SharedShingle;
import java.util.ArrayList;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.FlatMapFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.expressions.Window;

/**
 * Documents of crowded buckets in smaller ones: by the shingles of their {@link Prefix}, ordered by
 * frequency among these documents. A text that all of them have in front is frequent and comes
 * last.
 *
 * @cost two shuffles of (shingle, id), the second without shingles that one document has
 */
final class PrefixBuckets {

  private static final int NO_BAND = -1;

  private PrefixBuckets() {}

  /**
   * The members of the buckets.
   *
   * @param documents with columns id, increment, negative_length, shingles; read twice
   * @return {@link BucketPairs#MEMBERS} without labels
   */
  static Dataset<Row> of(Dataset<Row> documents, double threshold) {
    Dataset<Row> shared =
        documents
            .select(col("id"), explode(col("shingles")).as("shingle"))
            .withColumn("documents", count(lit(1)).over(Window.partitionBy("shingle")))
            .where(col("documents").gt(1))
            .groupBy("id")
            .agg(collect_list(struct("shingle", "documents")).as("shared"));
    return documents
        .select(
            col("id"), col("increment"), col("negative_length"), size(col("shingles")).as("size"))
        .join(shared, "id")
        .select("increment", "negative_length", "id", "size", "shared")
        .flatMap(new ToMembers(threshold), Encoders.row(BucketPairs.MEMBERS));
  }

  private static final class ToMembers implements FlatMapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final double threshold;

    ToMembers(double threshold) {
      this.threshold = threshold;
    }

    @Override
    public Iterator<Row> call(Row row) {
      int shingles = row.getInt(3);
      List<Row> structs = row.getList(4);
      SharedShingle[] shared =
          structs.stream()
              .map(one -> new SharedShingle(one.getLong(0), one.getLong(1)))
              .toArray(SharedShingle[]::new);
      List<Row> members = new ArrayList<>();
      Prefix.of(
          shared,
          shingles,
          threshold,
          (shingle, open) ->
              members.add(
                  RowFactory.create(
                      NO_BAND,
                      shingle,
                      row.getInt(0),
                      row.getInt(1),
                      row.getString(2),
                      shingles,
                      open,
                      null)));
      return members.iterator();
    }
  }
}
