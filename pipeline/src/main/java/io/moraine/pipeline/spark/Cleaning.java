package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;

import io.moraine.pipeline.filter.CleanConfig;
import io.moraine.pipeline.filter.Kept;
import io.moraine.pipeline.filter.Rejection;
import io.moraine.pipeline.filter.Verdict;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Normalises every document and applies the quality rules. */
public final class Cleaning {

  /** {@code reason} and {@code detail} are null for a document that passes; else its text is. */
  public static final StructType CLEANED =
      new StructType()
          .add("id", "string")
          .add("source", "string")
          .add("url", "string")
          .add("metadata", "string")
          .add("text", "string")
          .add("reason", "string")
          .add("detail", "string");

  private Cleaning() {}

  /**
   * Every document as {@link #CLEANED}: kept or with the rule that rejected it.
   *
   * @param documents with columns id, source, url, metadata, text
   */
  public static Dataset<Row> clean(Dataset<Row> documents, CleanConfig config) {
    return documents
        .select("id", "source", "url", "metadata", "text")
        .map(new CleanDocument(config), Encoders.row(CLEANED));
  }

  /** Every document as {@link #CLEANED}, kept as it is. */
  public static Dataset<Row> unchanged(Dataset<Row> documents) {
    Column none = lit(null).cast("string");
    return documents.select(
        col("id"),
        col("source"),
        col("url"),
        col("metadata"),
        col("text"),
        none.as("reason"),
        none.as("detail"));
  }

  private static final class CleanDocument implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final CleanConfig config;

    CleanDocument(CleanConfig config) {
      this.config = config;
    }

    @Override
    public Row call(Row row) {
      Verdict verdict = config.apply(row.getString(4));
      String text = verdict instanceof Kept kept ? kept.text() : null;
      Rejection rejection = verdict instanceof Rejection r ? r : null;
      return RowFactory.create(
          row.getString(0),
          row.getString(1),
          row.getString(2),
          row.getString(3),
          text,
          rejection == null ? null : rejection.reason(),
          rejection == null ? null : rejection.detail());
    }
  }
}
