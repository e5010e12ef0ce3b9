package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.shiftrightunsigned;
import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.sequence.PackConfig;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.types.DataTypes;

/**
 * Packs documents into sequences on the cluster. The keys of the order are cut into buckets, each
 * of which is packed by itself at a place that follows from the sizes of those before it.
 */
public final class Packing {

  private Packing() {}

  /**
   * Packed sequences.
   *
   * @param sequences {@link SequenceTable#SEQUENCES}, ids 0 to {@code count - 1}
   * @param documents documents packed, copies counted
   * @param tokens tokens packed, end-of-text included
   * @param count sequences
   * @param paddingTokens {@code tokens + paddingTokens} is what all sequences hold
   */
  public record Packed(
      Dataset<Row> sequences, long documents, long tokens, long count, long paddingTokens) {}

  /**
   * Packs documents; every token stands in one sequence.
   *
   * @param tokenized with columns id, copy, tokens, n_tokens; read up to three times
   * @param endOfText id that ends each document and fills up sequences
   * @cost one shuffle of the tokens
   */
  public static Packed pack(Dataset<Row> tokenized, PackConfig config, int endOfText) {
    Column key =
        udf((UDF2<String, Integer, Long>) config::orderKey, DataTypes.LongType)
            .withName("order_key")
            .apply(col("id"), col("copy"));
    Dataset<Row> keyed =
        tokenized.select("id", "copy", "tokens", "n_tokens").withColumn("key", key);
    return switch (config.packing()) {
      case CONCAT -> ConcatPacking.pack(keyed, config, endOfText);
      case BEST_FIT -> BestFitPacking.pack(keyed, config, endOfText);
    };
  }

  /** The first bits of the key as a number. */
  static Column bucket(int bits) {
    return bits == 0 ? lit(0) : shiftrightunsigned(col("key"), Long.SIZE - bits).cast("int");
  }

  /** The documents of a bucket together and in order: bucket, id, copy, tokens. */
  static Dataset<Row> inOrder(Dataset<Row> bucketed) {
    return bucketed
        .repartition(col("bucket"))
        .sortWithinPartitions("bucket", "key", "id", "copy")
        .select("bucket", "id", "copy", "tokens");
  }

  static Packed packed(
      Dataset<Row> sequences, long documents, long tokens, long count, PackConfig config) {
    return new Packed(sequences, documents, tokens, count, count * config.rowTokens() - tokens);
  }
}
