package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.tokenizer.BpeModel;
import io.moraine.pipeline.tokenizer.BpeTrainer;
import io.moraine.pipeline.tokenizer.PreTokenizer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerConfig;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.Iterator;
import java.util.List;
import java.util.Map;
import java.util.function.IntConsumer;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/** Trains a tokenizer: pieces are counted on the cluster, merges are learned on the driver. */
public final class TokenizerTraining {

  /** Longer pieces (encoded data, tables without spaces) do not take part in training. */
  private static final int MAX_PIECE_CHARACTERS = 256;

  /** Distinct pieces that a task counts before it hands them on. */
  private static final int PIECES_IN_MEMORY = 1 << 18;

  private static final StructType COUNTS =
      new StructType().add("piece", "string").add("count", "long");

  private TokenizerTraining() {}

  /**
   * Trains a tokenizer with the cl100k pre-tokenizer.
   *
   * @param documents with a column text
   * @param progress called with the size of the vocabulary as it grows
   */
  public static Tokenizer train(
      Dataset<Row> documents, TokenizerConfig config, IntConsumer progress) {
    PreTokenizer preTokenizer = new PreTokenizer(List.of(PreTokenizer.CL100K));
    Map<String, Long> counts = new HashMap<>();
    for (Row row : pieceCounts(documents).collectAsList()) {
      counts.put(row.getString(0), row.getLong(1));
    }
    BpeModel model = BpeTrainer.train(counts, config, progress);
    return new Tokenizer(model, preTokenizer);
  }

  static Dataset<Row> pieceCounts(Dataset<Row> documents) {
    return documents
        .select("text")
        .mapPartitions(new CountPieces(), Encoders.row(COUNTS))
        .groupBy("piece")
        .agg(sum("count").as("count"));
  }

  private static final class CountPieces implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Iterator<Row> texts) {
      return new PieceCounts(texts);
    }
  }

  /** Counts in a map and hands it on whenever it is full. */
  private static final class PieceCounts implements Iterator<Row> {
    private final PreTokenizer preTokenizer = new PreTokenizer(List.of(PreTokenizer.CL100K));
    private final Iterator<Row> texts;
    private Iterator<Row> ready = List.<Row>of().iterator();

    PieceCounts(Iterator<Row> texts) {
      this.texts = texts;
    }

    @Override
    public boolean hasNext() {
      while (!ready.hasNext() && texts.hasNext()) {
        ready = countSome();
      }
      return ready.hasNext();
    }

    @Override
    public Row next() {
      return ready.next();
    }

    private Iterator<Row> countSome() {
      Map<String, Long> counts = new HashMap<>();
      while (texts.hasNext() && counts.size() < PIECES_IN_MEMORY) {
        preTokenizer.split(
            texts.next().getString(0),
            piece -> {
              if (piece.length() <= MAX_PIECE_CHARACTERS) {
                counts.merge(piece, 1L, Long::sum);
              }
            });
      }
      List<Row> rows = new ArrayList<>(counts.size());
      counts.forEach((piece, count) -> rows.add(RowFactory.create(piece, count)));
      return rows.iterator();
    }
  }
}
