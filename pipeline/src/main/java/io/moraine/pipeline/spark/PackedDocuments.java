package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.flatten;
import static org.apache.spark.sql.functions.min;
import static org.apache.spark.sql.functions.posexplode;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.slice;
import static org.apache.spark.sql.functions.sort_array;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.when;

import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;

/** Packing undone: the documents of packed sequences, each in one piece again. */
public final class PackedDocuments {

  private PackedDocuments() {}

  /**
   * Every copy of every document: sequence_id and start of its first segment, document, copy,
   * tokens (end-of-text last).
   *
   * @param sequences as {@link SequenceTable#SEQUENCES}
   * @cost one shuffle of the tokens
   */
  public static Dataset<Row> of(Dataset<Row> sequences) {
    Column tokens = slice(col("tokens"), col("start").plus(1), col("length"));
    return segments(sequences)
        .withColumn("tokens", tokens)
        .groupBy("document", "copy")
        .agg(first(), sort_array(collect_list(struct("offset", "tokens"))).as("pieces"))
        .select(
            col("first.sequence_id"),
            col("first.start"),
            col("document"),
            col("copy"),
            flatten(col("pieces.tokens")).as("tokens"));
  }

  /**
   * The same without tokens, but with their number: sequence_id, start, document, copy, n_tokens.
   */
  public static Dataset<Row> lengths(Dataset<Row> sequences) {
    return segments(sequences.drop("tokens"))
        .groupBy("document", "copy")
        .agg(first(), sum("length").as("n_tokens"))
        .select("first.sequence_id", "first.start", "document", "copy", "n_tokens");
  }

  private static Column first() {
    return min(struct("sequence_id", "start")).as("first");
  }

  /** One row per segment, with its number of tokens. */
  private static Dataset<Row> segments(Dataset<Row> sequences) {
    Dataset<Row> exploded =
        sequences.select(col("*"), posexplode(col("starts"))).withColumnRenamed("col", "start");
    Column isLast = col("pos").plus(1).equalTo(size(col("starts")));
    Column end = when(isLast, col("filled")).otherwise(col("starts").apply(col("pos").plus(1)));
    return exploded
        .withColumn("length", end.minus(col("start")))
        .withColumn("document", col("documents").apply(col("pos")))
        .withColumn("copy", col("copies").apply(col("pos")))
        .withColumn("offset", col("offsets").apply(col("pos")));
  }
}
