package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.concat;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.row_number;
import static org.apache.spark.sql.functions.substring;
import static org.apache.spark.sql.functions.udf;
import static org.apache.spark.sql.functions.when;

import io.moraine.pipeline.document.DocumentReader;
import io.moraine.pipeline.hash.Murmur3;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.expressions.Window;
import org.apache.spark.sql.types.DataTypes;

/**
 * Gives every document an id of its own where the input uses one twice, so that nothing is lost:
 * all but the first by (file, offset) get {@code <id>~<16 hex digits of file and offset>}.
 */
public final class UniqueIds {

  private UniqueIds() {}

  /**
   * Ids that more than one document has.
   *
   * @param documents with the columns of {@link CorpusReader#PARTS}
   */
  public static Dataset<Row> repeated(Dataset<Row> documents) {
    return documents
        .groupBy("id")
        .agg(count(lit(1)).as("copies"))
        .where(col("copies").gt(1))
        .select("id");
  }

  /** The documents with unique ids; {@code repeated} as {@link #repeated(Dataset)} gives it. */
  public static Dataset<Row> assign(Dataset<Row> documents, Dataset<Row> repeated) {
    Column copy = row_number().over(Window.partitionBy("id").orderBy("file", "offset"));
    Column digest =
        udf((UDF2<String, Long, String>) DocumentReader::idOf, DataTypes.StringType)
            .withName("id_of_place")
            .apply(col("file"), col("offset"));
    Dataset<Row> ambiguous =
        documents
            .join(repeated, documents.col("id").equalTo(repeated.col("id")), "left_semi")
            .withColumn("copy", copy)
            .withColumn(
                "id",
                when(col("copy").equalTo(1), col("id"))
                    .otherwise(concat(col("id"), lit("~"), substring(digest, 1, 16))))
            .drop("copy");
    return documents
        .join(repeated, documents.col("id").equalTo(repeated.col("id")), "left_anti")
        .unionByName(ambiguous);
  }

  /**
   * The documents of an increment with ids that no earlier one has: a known id gets {@code ~<16 hex
   * digits of id and increment>}.
   *
   * @param published with a column id
   */
  public static Dataset<Row> avoiding(
      Dataset<Row> documents, Dataset<Row> published, int increment) {
    Dataset<Row> known = published.select(col("id").as("known_id"));
    Column digest =
        udf((UDF2<String, Integer, String>) UniqueIds::digest, DataTypes.StringType)
            .withName("id_of_increment")
            .apply(col("id"), lit(increment));
    return documents
        .join(known, col("id").equalTo(col("known_id")), "left")
        .withColumn(
            "id",
            when(col("known_id").isNull(), col("id"))
                .otherwise(concat(col("id"), lit("~"), digest)))
        .drop("known_id");
  }

  private static String digest(String id, int increment) {
    return Murmur3.hash128(id + "\n" + increment).hex().substring(0, 16);
  }
}
