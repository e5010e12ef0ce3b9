package io.moraine.jobs.prepare;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.when;

import java.util.ArrayList;
import java.util.List;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/**
 * What the stages removed, in their order: why (reason, and in detail what the rule measured),
 * which document stands for it (kept_id, null if none does) and how alike they are. docs/formats.md
 * has the columns.
 */
final class Removals {

  static final StructType REMOVALS =
      new StructType()
          .add("id", "string")
          .add("stage", "string")
          .add("reason", "string")
          .add("detail", "string")
          .add("kept_id", "string")
          .add("similarity", "double");

  private final SparkSession spark;
  private final DatasetTables tables;
  private final List<String> stages = new ArrayList<>();
  private final List<Dataset<Row>> removed = new ArrayList<>();

  Removals(SparkSession spark, DatasetTables tables) {
    this.spark = spark;
    this.tables = tables;
  }

  /**
   * What the next stage removed.
   *
   * @param rows with columns id, kept_id (null: nothing stands for it) and those that the
   *     expressions below name
   * @param similarity exact Jaccard similarity with the kept document; null where unknown
   */
  void add(String stage, Dataset<Row> rows, Column reason, Column detail, Column similarity) {
    stages.add(stage);
    removed.add(
        rows.select(
            col("id"),
            lit(stage).as("stage"),
            reason.as("reason"),
            detail.cast("string").as("detail"),
            col("kept_id"),
            similarity.cast("double").as("similarity")));
  }

  /** One row per removed document, {@link #REMOVALS}; kept_id names no removed document. */
  Dataset<Row> resolved() {
    Dataset<Row> later = spark.createDataFrame(List.of(), REMOVALS);
    for (int stage = removed.size() - 1; stage >= 0; stage--) {
      Dataset<Row> resolved = redirected(removed.get(stage), later);
      later = tables.stored("removed-" + stages.get(stage), resolved).union(later);
    }
    return later;
  }

  /**
   * Removals whose kept document was removed by a later stage name that stage's kept one; the
   * similarity with it is known where the texts were the same.
   */
  private static Dataset<Row> redirected(Dataset<Row> removals, Dataset<Row> later) {
    Dataset<Row> moved =
        later.select(
            col("id").as("via"), col("kept_id").as("final_id"), col("similarity").as("to_final"));
    Column isMoved = col("via").isNotNull();
    Dataset<Row> alone = removals.where(col("kept_id").isNull());
    return removals
        .where(col("kept_id").isNotNull())
        .join(moved, col("kept_id").equalTo(col("via")), "left")
        .select(
            col("id"),
            col("stage"),
            col("reason"),
            when(isMoved, concat(lit("as "), col("via"), lit(", which was removed later")))
                .otherwise(col("detail"))
                .as("detail"),
            when(isMoved, col("final_id")).otherwise(col("kept_id")).as("kept_id"),
            when(isMoved.and(col("similarity").equalTo(1.0)), col("to_final"))
                .when(isMoved, lit(null))
                .otherwise(col("similarity"))
                .as("similarity"))
        .union(alone);
  }
}
