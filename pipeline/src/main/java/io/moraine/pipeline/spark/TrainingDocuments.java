package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.explode;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sequence;
import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.sequence.FillInTheMiddle;
import io.moraine.pipeline.sequence.FimMarkers;
import io.moraine.pipeline.sequence.HeldOut;
import io.moraine.pipeline.sequence.Mixture;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerJson;
import java.util.Iterator;
import java.util.Map;
import java.util.TreeMap;
import org.apache.spark.api.java.JavaSparkContext;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.broadcast.Broadcast;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.api.java.UDF2;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/** What of the tokenized documents is trained on: copies by source, middles moved to the end. */
public final class TrainingDocuments {

  /** {@code fim}: whether the middle was moved to the end. Tokens without end-of-text. */
  public static final StructType SCHEMA =
      new StructType()
          .add("id", "string")
          .add("copy", "int")
          .add("source", "string")
          .add("fim", "boolean")
          .add("n_tokens", "int")
          .add("tokens", "array<int>");

  private TrainingDocuments() {}

  /** Whether the document of the column id is kept aside. */
  public static Column isHeldOut(HeldOut heldOut) {
    return udf((UDF1<String, Boolean>) heldOut::contains, DataTypes.BooleanType)
        .withName("is_held_out")
        .apply(col("id"));
  }

  /** Every document once, as it is; {@link #SCHEMA} and text. */
  public static Dataset<Row> once(Dataset<Row> tokenized) {
    return tokenized
        .withColumn("copy", lit(0))
        .withColumn("fim", lit(false))
        .select("id", "copy", "source", "fim", "n_tokens", "tokens", "text");
  }

  /**
   * Copies of documents, numbered from 0; a document of no copy is gone.
   *
   * @param documents as {@link #once} gives them
   * @param epochs by source, as {@link Mixture#resolve} gives them; others are used once
   */
  public static Dataset<Row> mixed(
      Dataset<Row> documents, Mixture mixture, Map<String, Double> epochs) {
    TreeMap<String, Double> bySource = new TreeMap<>(epochs);
    UDF2<String, String, Integer> copies =
        (source, id) -> mixture.copies(bySource.getOrDefault(source, 1.0), id);
    Column last = col("copies").minus(1);
    return documents
        .withColumn(
            "copies",
            udf(copies, DataTypes.IntegerType).withName("copies").apply(col("source"), col("id")))
        .where(col("copies").gt(0))
        .withColumn("copy", explode(sequence(lit(0), last)))
        .drop("copies");
  }

  /**
   * Documents, some of which have their middle moved to the end; {@link #SCHEMA}.
   *
   * @param documents as {@link #once} gives them
   * @param tokenizer that has the markers and by which the documents were tokenized
   */
  public static Dataset<Row> withMovedMiddles(
      Dataset<Row> documents, FillInTheMiddle config, Tokenizer tokenizer, FimMarkers markers) {
    JavaSparkContext context =
        JavaSparkContext.fromSparkContext(documents.sparkSession().sparkContext());
    Broadcast<String> json = context.broadcast(TokenizerJson.write(tokenizer));
    return documents
        .select("id", "copy", "source", "fim", "n_tokens", "tokens", "text")
        .mapPartitions(new MoveMiddles(config, json, markers), Encoders.row(SCHEMA));
  }

  private static final class MoveMiddles implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final FillInTheMiddle config;
    private final Broadcast<String> json;
    private final FimMarkers markers;

    MoveMiddles(FillInTheMiddle config, Broadcast<String> json, FimMarkers markers) {
      this.config = config;
      this.json = json;
      this.markers = markers;
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
          String id = row.getString(0);
          int copy = row.getInt(1);
          boolean moved = config.appliesTo(id, copy);
          int[] tokens =
              moved
                  ? config.encode(id, copy, row.getString(6), tokenizer, markers)
                  : SequenceTable.ints(row.getList(5));
          return RowFactory.create(id, copy, row.getString(2), moved, tokens.length, tokens);
        }
      };
    }
  }
}
