package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.exact.UrlKey;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.DataTypes;

/** Documents of the same page by its URL; the longest is kept, then the smallest id. */
public final class UrlDuplicates {

  private UrlDuplicates() {}

  /**
   * The documents to remove; those without a URL are none.
   *
   * @param documents with columns id and url
   * @param features {@link Features#FEATURES} of the same documents
   * @return id and kept_id
   * @cost one shuffle of (id, url, length)
   */
  public static Dataset<Row> find(Dataset<Row> documents, Dataset<Row> features) {
    WindowSpec best = Window.partitionBy("url_key").orderBy(col("length").desc(), col("id").asc());
    return documents
        .where(col("url").notEqual(""))
        .select(
            col("id"),
            udf((UDF1<String, String>) UrlKey::of, DataTypes.StringType)
                .apply(col("url"))
                .as("url_key"))
        .join(features.select("id", "length"), "id")
        .select(col("id"), first("id").over(best).as("kept_id"), row_number().over(best).as("rank"))
        .where(col("rank").gt(1))
        .select("id", "kept_id");
  }
}
