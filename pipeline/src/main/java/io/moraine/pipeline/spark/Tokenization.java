package io.moraine.pipeline.spark;

import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.util.Iterator;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Adds token ids to documents. */
public final class Tokenization {

  /** Tokens without end-of-text. */
  public static final StructType TOKENIZED =
      new StructType()
          .add("id", "string")
          .add("source", "string")
          .add("url", "string")
          .add("metadata", "string")
          .add("text", "string")
          .add("held_out", "boolean")
          .add("n_tokens", "int")
          .add("tokens", "array<int>");

  private Tokenization() {}

  /**
   * The documents as {@link #TOKENIZED}.
   *
   * @param documents with columns id, source, url, metadata, text, held_out
   */
  public static Dataset<Row> tokenize(Dataset<Row> documents, Tokenizer tokenizer) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(documents.sparkSession().sparkContext());
    Broadcast<String> json = context.broadcast(TokenizerJson.write(tokenizer));
    return documents
        .select("id", "source", "url", "metadata", "text", "held_out")
        .mapPartitions(new Encode(json), Encoders.row(TOKENIZED));
  }

  private static final class Encode implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<String> json;

    Encode(Broadcast<String> json) {
      this.json = json;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> rows) {
      Tokenizer tokenizer = TokenizerJson.read(json.value());
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return rows.hasNext();
        }

        @Override
        public Row next() {
          Row row = rows.next();
          int[] tokens = tokenizer.encode(row.getString(4));
          return RowFactory.create(
              row.getString(0),
              row.getString(1),
              row.getString(2),
              row.getString(3),
              row.getString(4),
              row.getBoolean(5),
              tokens.length,
              tokens);
        }
      };
    }
  }
}
