package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.tokenizer.Tokenizer;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.SparkSession;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
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

  /**
   * A function from a text to its ids, without end-of-text; null for null.
   *
   * @param spark on whose cluster it is to run
   */
  public static UserDefinedFunction function(SparkSession spark, Tokenizer tokenizer) {
    return udf(
        new EncodeText(sent(spark, tokenizer)),
        DataTypes.createArrayType(DataTypes.IntegerType, false));
  }

  /** Makes {@link #function} a function of SQL: {@code SELECT name(text) FROM documents}. */
  public static void register(SparkSession spark, String name, Tokenizer tokenizer) {
    spark.udf().register(name, function(spark, tokenizer));
  }

  private static Broadcast<Tokenizer> sent(SparkSession spark, Tokenizer tokenizer) {
    return JavaSparkContext.fromSparkContext(spark.sparkContext()).broadcast(tokenizer);
  }

  private static final class EncodeText implements UDF1<String, int[]> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<Tokenizer> tokenizer;

    EncodeText(Broadcast<Tokenizer> tokenizer) {
      this.tokenizer = tokenizer;
    }

    @Override
    public int[] call(String text) {
      return text == null ? null : tokenizer.value().encode(text);
    }
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
