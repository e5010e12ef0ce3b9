package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.struct;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/**
 * Documents whose text is the same, by its 128-bit digest; what was published before is kept, then
 * the smallest id.
 */
public final class ExactDuplicates {

  private ExactDuplicates() {}

  /**
   * The documents to remove.
   *
   * @param features {@link Features#FEATURES}
   * @param published id and digest of documents of earlier increments; their ids are not among the
   *     features
   * @return id and kept_id
   * @cost one shuffle of (id, digest)
   */
  public static Dataset<Row> find(Dataset<Row> features, Dataset<Row> published) {
    Dataset<Row> keepers =
        published
            .select(col("id"), col("digest"), lit(0).as("age"))
            .union(features.select(col("id"), col("digest"), lit(1)))
            .groupBy("digest")
            .agg(min(struct("age", "id")).as("first"), count(lit(1)).as("copies"))
            .where(col("copies").gt(1))
            .select(col("digest"), col("first.id").as("kept_id"));
    return features
        .select("id", "digest")
        .join(keepers, "digest")
        .where(col("id").notEqual(col("kept_id")))
        .select("id", "kept_id");
  }
}
