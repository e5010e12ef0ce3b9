package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.floor;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.xxhash64;

import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.StructType;

/** What a reader wants to see of a search for near duplicates. */
public final class NearReport {

  /** Columns of {@link #samples}. */
  public static final StructType SAMPLES =
      new StructType()
          .add("from", "double")
          .add("id", "string")
          .add("other_id", "string")
          .add("similarity", "double")
          .add("removed", "boolean");

  private static final int BANDS = 20;

  private NearReport() {}

  /**
   * How many clusters there are of each size; a cluster is a kept document with those removed in
   * its place.
   *
   * @param removed with a kept_id each
   * @return documents (2 or more) and clusters, in ascending order
   */
  public static Dataset<Row> clusterSizes(Dataset<Row> removed) {
    return removed
        .groupBy("kept_id")
        .agg(count(lit(1)).plus(1).as("documents"))
        .groupBy("documents")
        .agg(count(lit(1)).as("clusters"))
        .orderBy("documents");
  }

  /**
   * Some pairs of every twentieth of similarity, chosen by a hash of their ids: removed documents
   * with their kept ones, and compared pairs just below the threshold.
   *
   * @param removed {@link NearDuplicates.Outcome#removed}
   * @param nearMisses {@link NearDuplicates.Outcome#nearMisses}
   * @param pairs how many of each twentieth at most
   * @return {@link #SAMPLES}: from is the lower end of the twentieth, other_id the kept one; in
   *     ascending order
   */
  public static Dataset<Row> samples(Dataset<Row> removed, Dataset<Row> nearMisses, int pairs) {
    Dataset<Row> above =
        removed
            .where(col("similarity").isNotNull())
            .select(
                col("id"),
                col("kept_id").as("other_id"),
                col("similarity"),
                lit(true).as("removed"));
    Dataset<Row> below =
        nearMisses.select(
            col("worse.id").as("id"),
            col("better.id").as("other_id"),
            col("similarity"),
            lit(false).as("removed"));
    return above
        .union(below)
        .withColumn("from", floor(col("similarity").multiply(BANDS)).divide(BANDS))
        .withColumn(
            "place",
            row_number()
                .over(
                    Window.partitionBy("from", "removed")
                        .orderBy(xxhash64(col("id"), col("other_id")), col("id"), col("other_id"))))
        .where(col("place").leq(pairs))
        .selectExpr(SAMPLES.fieldNames())
        .orderBy("from", "removed", "similarity", "id", "other_id");
  }
}
