package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.min;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Documents whose text is the same, by its 128-bit digest; the smallest id is kept. */
public final class ExactDuplicates {

  private ExactDuplicates() {}

  /**
   * The documents to remove.
   *
   * @param features {@link Features#FEATURES}
   * @return id and kept_id
   * @cost one shuffle of (id, digest)
   */
  public static Dataset<Row> find(Dataset<Row> features) {
    Dataset<Row> digests = features.select("id", "digest");
    Dataset<Row> keepers =
        digests
            .groupBy("digest")
            .agg(min("id").as("kept_id"), count(lit(1)).as("copies"))
            .where(col("copies").gt(1))
            .select("digest", "kept_id");
    return digests
        .join(keepers, "digest")
        .where(col("id").notEqual(col("kept_id")))
        .select("id", "kept_id");
  }
}
