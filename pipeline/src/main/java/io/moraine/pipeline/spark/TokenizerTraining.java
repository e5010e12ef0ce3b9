package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.coalesce;
import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.tokenizer.BpeModel;
import io.moraine.pipeline.tokenizer.BpeTrainer;
import io.moraine.pipeline.tokenizer.PieceCounts;
import io.moraine.pipeline.tokenizer.PreTokenizer;
import io.moraine.pipeline.tokenizer.Tokenizer;
import io.moraine.pipeline.tokenizer.TokenizerConfig;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
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
  private static final int MAX_PIECE_BYTES = 256;

  /** Distinct pieces that a task counts before it hands them on. */
  private static final int PIECES_IN_MEMORY = 1 << 20;

  /** Jobs in which the driver fetches the counts, one part in memory at a time. */
  private static final int FETCHES = 8;

  private static final StructType COUNTS =
      new StructType().add("piece", "binary").add("count", "long");

  private TokenizerTraining() {}

  /**
   * A trained tokenizer.
   *
   * @param tokenizer with the cl100k pre-tokenizer
   * @param pieces distinct pieces in the corpus
   * @param rarePieces distinct pieces that were left out, those that stand at most {@code
   *     rareCount} times
   * @param rareCount 0: none was left out
   * @param rareOccurrences how often the pieces left out stand in the corpus
   */
  public record Trained(
      Tokenizer tokenizer, long pieces, long rarePieces, long rareCount, long rareOccurrences) {}

  /**
   * How often each piece of the cl100k pre-tokenizer stands in the corpus: piece (its bytes), count
   * (64 bits). Grouped as texts, which costs nothing: RAPIDS does not shuffle by binary values.
   *
   * @param documents with a column text
   * @cost a shuffle of each task's distinct pieces; 2^20 of them in a task's memory
   */
  public static Dataset<Row> pieceCounts(Dataset<Row> documents) {
    return documents
        .select("text")
        .mapPartitions(new CountPieces(), Encoders.row(COUNTS))
        .select(col("piece").cast("string"), col("count"))
        .groupBy("piece")
        .agg(sum("count").as("count"))
        .select(col("piece").cast("binary"), col("count"));
  }

  /**
   * Learns the merges. If there are more distinct pieces than the configuration allows, all that
   * stand equally rarely are left out together, the rarest first.
   *
   * @param counts {@link #pieceCounts}, better stored than computed
   * @param progress called with the size of the vocabulary as it grows
   * @cost driver memory: the pieces that take part, see {@link PieceCounts} and {@link BpeTrainer}
   */
  public static Trained train(Dataset<Row> counts, TokenizerConfig config, IntConsumer progress) {
    long pieces = counts.count();
    long rareCount = pieces <= config.maxPieces() ? 0 : rareCount(counts, config.maxPieces());
    Dataset<Row> rare = counts.where(col("count").leq(rareCount));
    Row left = rare.agg(count(lit(1)), coalesce(sum("count"), lit(0L)).cast("long")).first();
    PieceCounts learned = new PieceCounts();
    Iterator<Row> rows =
        counts.where(col("count").gt(rareCount)).coalesce(FETCHES).toLocalIterator();
    while (rows.hasNext()) {
      Row row = rows.next();
      byte[] piece = row.getAs(0);
      learned.add(piece, 0, piece.length, row.getLong(1));
    }
    BpeModel model = BpeTrainer.train(learned, config, progress);
    Tokenizer tokenizer = new Tokenizer(model, new PreTokenizer(List.of(PreTokenizer.CL100K)));
    return new Trained(tokenizer, pieces, left.getLong(0), rareCount, left.getLong(1));
  }

  /** The largest count of those that must be left out for at most {@code maxPieces} to stay. */
  private static long rareCount(Dataset<Row> counts, long maxPieces) {
    long stay = 0;
    for (Row row :
        counts
            .groupBy("count")
            .agg(count(lit(1)).as("pieces"))
            .orderBy(col("count").desc())
            .collectAsList()) {
      stay += row.getLong(1);
      if (stay > maxPieces) {
        return row.getLong(0);
      }
    }
    return 0;
  }

  private static final class CountPieces implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    @Override
    public Iterator<Row> call(Iterator<Row> texts) {
      return new CountedPieces(texts);
    }
  }

  /** Counts in a table and hands it on whenever it is full. */
  private static final class CountedPieces implements Iterator<Row> {
    private final PreTokenizer preTokenizer = new PreTokenizer(List.of(PreTokenizer.CL100K));
    private final Iterator<Row> texts;
    private Iterator<Row> ready = List.<Row>of().iterator();

    CountedPieces(Iterator<Row> texts) {
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
      PieceCounts counts = new PieceCounts();
      while (texts.hasNext() && counts.size() < PIECES_IN_MEMORY) {
        preTokenizer.split(
            texts.next().getString(0),
            (bytes, from, to) -> {
              if (to - from <= MAX_PIECE_BYTES) {
                counts.accept(bytes, from, to);
              }
            });
      }
      List<Row> rows = new ArrayList<>(counts.size());
      counts.forEach(
          (bytes, from, to, count) ->
              rows.add(RowFactory.create(Arrays.copyOfRange(bytes, from, to), count)));
      return rows.iterator();
    }
  }
}
