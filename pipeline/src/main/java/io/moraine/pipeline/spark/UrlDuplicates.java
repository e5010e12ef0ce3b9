package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.first;
import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.hash.Murmur3;
import io.moraine.pipeline.url.UrlKey;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.expressions.WindowSpec;
import org.apache.spark.sql.types.DataTypes;

/**
 * Documents of the same page by its URL; what was published before is kept, then the longest, then
 * the smallest id.
 */
public final class UrlDuplicates {

  private static final WindowSpec BEST_FIRST =
      Window.partitionBy("url_key").orderBy(col("length").desc(), col("id").asc());

  private UrlDuplicates() {}

  /**
   * The documents to remove; those without a URL are none.
   *
   * @param pages as {@link #pages} gives them
   * @param published url_key and kept_id of pages of earlier increments
   * @return id and kept_id
   * @cost one shuffle of (id, url_key, length)
   */
  public static Dataset<Row> find(Dataset<Row> pages, Dataset<Row> published) {
    Dataset<Row> known =
        published.select(col("url_key").as("known_key"), col("kept_id").as("known_id"));
    return pages
        .join(known, col("url_key").equalTo(col("known_key")), "left")
        .select(col("id"), coalesce(col("known_id"), first("id").over(BEST_FIRST)).as("kept_id"))
        .where(col("id").notEqual(col("kept_id")));
  }

  /** The first document of every page: url_key and id. */
  public static Dataset<Row> firsts(Dataset<Row> pages) {
    return pages.select(col("url_key"), first("id").over(BEST_FIRST).as("id")).distinct();
  }

  /**
   * The documents that have a URL: id, length, url_key (128-bit digest of the {@link UrlKey}, hex).
   *
   * @param documents with columns id and url
   * @param features {@link Features#FEATURES}; others are left out
   */
  public static Dataset<Row> pages(Dataset<Row> documents, Dataset<Row> features) {
    return documents
        .where(col("url").notEqual(""))
        .select(
            col("id"),
            udf((UDF1<String, String>) UrlDuplicates::key, DataTypes.StringType)
                .withName("url_key")
                .apply(col("url"))
                .as("url_key"))
        .join(features.select("id", "length"), "id");
  }

  private static String key(String url) {
    return Murmur3.hash128(UrlKey.of(url)).hex();
  }
}
