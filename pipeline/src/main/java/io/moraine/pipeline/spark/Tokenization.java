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

  private Tokenization() {}

  /**
   * The documents in the columns they came with, and {@code n_tokens} and {@code tokens}, without
   * end-of-text.
   *
   * @param documents with a column text
   */
  public static Dataset<Row> tokenize(Dataset<Row> documents, Tokenizer tokenizer) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(documents.sparkSession().sparkContext());
    Broadcast<String> json = context.broadcast(TokenizerJson.write(tokenizer));
    StructType schema = documents.schema();
    return documents.mapPartitions(
        new Encode(json, schema.fieldIndex("text")),
        Encoders.row(schema.add("n_tokens", "int").add("tokens", "array<int>")));
  }

  private static final class Encode implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final Broadcast<String> json;
    private final int textColumn;

    Encode(Broadcast<String> json, int textColumn) {
      this.json = json;
      this.textColumn = textColumn;
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
          int[] tokens = tokenizer.encode(row.getString(textColumn));
          Object[] values = new Object[row.size() + 2];
          for (int i = 0; i < row.size(); i++) {
            values[i] = row.get(i);
          }
          values[row.size()] = tokens.length;
          values[row.size() + 1] = tokens;
          return RowFactory.create(values);
        }
      };
    }
  }
}
