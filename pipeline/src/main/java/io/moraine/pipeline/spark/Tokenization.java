package io.moraine.pipeline.spark;

import io.moraine.pipeline.tokenizer.Tokenizer;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.types.StructType;

/** Adds token ids to documents. */
public final class Tokenization {

  private Tokenization() {}

  /**
   * The documents with two more columns: n_tokens (int) and tokens (array of int), without
   * end-of-text; both null where there is no text.
   *
   * @param documents with a column text
   */
  public static Dataset<Row> withTokens(Dataset<Row> documents, Tokenizer tokenizer) {
    StructType schema = documents.schema().add("n_tokens", "int").add("tokens", "array<int>");
    Encode encode =
        new Encode(sent(documents.sparkSession(), tokenizer), schema.fieldIndex("text"));
    return documents.map(encode, Encoders.row(schema));
  }

  private static Broadcast<Tokenizer> sent(SparkSession spark, Tokenizer tokenizer) {
    return JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(tokenizer);
  }

  private static final class Encode implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<Tokenizer> tokenizer;
    private final int textColumn;

    Encode(Broadcast<Tokenizer> tokenizer, int textColumn) {
      this.tokenizer = tokenizer;
      this.textColumn = textColumn;
    }

    @Override
    public Row call(Row row) {
      Object[] values = new Object[row.size() + 2];
      for (int i = 0; i < row.size(); i++) {
        values[i] = row.get(i);
      }
      if (!row.isNullAt(textColumn)) {
        int[] tokens = tokenizer.value().encode(row.getString(textColumn));
        values[row.size()] = tokens.length;
        values[row.size() + 1] = tokens;
      }
      return RowFactory.create(values);
    }
  }
}
