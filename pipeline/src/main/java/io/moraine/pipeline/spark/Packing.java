package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.shiftrightunsigned;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;
import static org.apache.spark.sql.functions.udf;

import io.moraine.pipeline.sequence.PackConfig;
import io.moraine.pipeline.sequence.SequenceChunk;
import io.moraine.pipeline.sequence.SequenceCutter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.Deque;
import java.util.Iterator;
import java.util.List;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Column;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.api.java.UDF1;
import org.apache.spark.sql.expressions.UserDefinedFunction;
import org.apache.spark.sql.types.DataTypes;
import org.apache.spark.sql.types.StructType;

/**
 * Packs documents into sequences on the cluster: the order's keys are cut into buckets, the tokens
 * per bucket are summed, so every bucket knows its place in the concatenation of all documents and
 * is cut by itself; sequences across a bucket's border are put together at the end.
 */
public final class Packing {

  /** {@code starts} and {@code documents} are parallel: segment i begins at starts[i]. */
  public static final StructType SEQUENCES =
      new StructType()
          .add("sequence_id", "long")
          .add("tokens", "array<int>")
          .add("starts", "array<int>")
          .add("documents", "array<string>");

  private static final StructType CHUNKS =
      new StructType()
          .add("sequence_id", "long")
          .add("position", "int")
          .add("tokens", "array<int>")
          .add("starts", "array<int>")
          .add("documents", "array<string>");

  private static final int BUCKET_BITS = 10;

  private Packing() {}

  /**
   * Packed sequences.
   *
   * @param sequences {@link #SEQUENCES}, ids 0 to {@code count - 1}
   * @param documents documents packed
   * @param tokens tokens packed, end-of-text included
   * @param count whole sequences
   * @param tailTokens tokens behind the last whole sequence, which are left out
   */
  public record Packed(
      Dataset<Row> sequences, long documents, long tokens, long count, long tailTokens) {}

  /**
   * Packs documents.
   *
   * @param tokenized with columns id, tokens, n_tokens; read twice
   * @param endOfText id that ends each document
   * @cost one shuffle of the tokens
   */
  public static Packed pack(Dataset<Row> tokenized, PackConfig config, int endOfText) {
    Dataset<Row> keyed =
        tokenized
            .select("id", "tokens", "n_tokens")
            .withColumn("key", orderKey(config).apply(col("id")))
            .withColumn("bucket", shiftrightunsigned(col("key"), 64 - BUCKET_BITS).cast("int"));
    long[] offsets = new long[(1 << BUCKET_BITS) + 1];
    long documents = 0;
    for (Row row :
        keyed
            .groupBy("bucket")
            .agg(sum(col("n_tokens").plus(1)).as("tokens"), count(lit(1)).as("documents"))
            .collectAsList()) {
      offsets[row.getInt(0) + 1] = row.getLong(1);
      documents += row.getLong(2);
    }
    for (int bucket = 0; bucket < 1 << BUCKET_BITS; bucket++) {
      offsets[bucket + 1] += offsets[bucket];
    }
    long tokens = offsets[1 << BUCKET_BITS];
    long count = tokens / config.rowTokens();
    Dataset<Row> sequences = assemble(cut(keyed, config, endOfText, offsets), config, count);
    return new Packed(sequences, documents, tokens, count, tokens % config.rowTokens());
  }

  private static UserDefinedFunction orderKey(PackConfig config) {
    return udf((UDF1<String, Long>) config::orderKey, DataTypes.LongType);
  }

  private static Dataset<Row> cut(
      Dataset<Row> keyed, PackConfig config, int endOfText, long[] offsets) {
    Column bucket = col("bucket");
    return keyed
        .repartition(bucket)
        .sortWithinPartitions(bucket, col("key"), col("id"))
        .select("bucket", "id", "tokens")
        .mapPartitions(
            new CutBuckets(config.rowTokens(), endOfText, offsets), Encoders.row(CHUNKS));
  }

  private static Dataset<Row> assemble(Dataset<Row> chunks, PackConfig config, long count) {
    Dataset<Row> wanted = chunks.where(col("sequence_id").lt(count));
    Column whole = size(col("tokens")).equalTo(config.rowTokens());
    Dataset<Row> parts =
        wanted
            .where(not(whole))
            .groupBy("sequence_id")
            .agg(collect_list(struct("position", "tokens", "starts", "documents")).as("chunks"))
            .map(new JoinChunks(config.rowTokens()), Encoders.row(SEQUENCES));
    return wanted.where(whole).select("sequence_id", "tokens", "starts", "documents").union(parts);
  }

  /** (bucket, id, tokens) in order to chunks. */
  private static final class CutBuckets implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int rowTokens;
    private final int endOfText;
    private final long[] offsets;

    CutBuckets(int rowTokens, int endOfText, long[] offsets) {
      this.rowTokens = rowTokens;
      this.endOfText = endOfText;
      this.offsets = offsets;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> documents) {
      Deque<Row> ready = new ArrayDeque<>();
      return new Iterator<>() {
        private int bucket = -1;
        private SequenceCutter cutter;

        @Override
        public boolean hasNext() {
          while (ready.isEmpty() && documents.hasNext()) {
            Row document = documents.next();
            if (document.getInt(0) != bucket) {
              finish();
              bucket = document.getInt(0);
              cutter =
                  new SequenceCutter(
                      rowTokens, endOfText, offsets[bucket], chunk -> ready.add(row(chunk)));
            }
            cutter.add(document.getString(1), ints(document.getList(2)));
          }
          if (ready.isEmpty()) {
            finish();
          }
          return !ready.isEmpty();
        }

        @Override
        public Row next() {
          return ready.remove();
        }

        private void finish() {
          if (cutter != null) {
            cutter.finish();
            cutter = null;
          }
        }
      };
    }

    private static Row row(SequenceChunk chunk) {
      return RowFactory.create(
          chunk.sequence(),
          chunk.position(),
          chunk.tokens(),
          chunk.starts().toArray(new Integer[0]),
          chunk.documents().toArray(new String[0]));
    }
  }

  /** The chunks of one sequence, in any order, to the sequence. */
  private static final class JoinChunks implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int rowTokens;

    JoinChunks(int rowTokens) {
      this.rowTokens = rowTokens;
    }

    @Override
    public Row call(Row row) {
      List<Row> chunks = new ArrayList<>(row.<Row>getList(1));
      chunks.sort(Comparator.comparingInt(chunk -> chunk.getInt(0)));
      int[] tokens = new int[rowTokens];
      List<Integer> starts = new ArrayList<>();
      List<String> documents = new ArrayList<>();
      for (Row chunk : chunks) {
        int[] part = ints(chunk.getList(1));
        System.arraycopy(part, 0, tokens, chunk.getInt(0), part.length);
        starts.addAll(chunk.getList(2));
        documents.addAll(chunk.getList(3));
      }
      return RowFactory.create(
          row.getLong(0), tokens, starts.toArray(new Integer[0]), documents.toArray(new String[0]));
    }
  }

  private static int[] ints(List<Integer> boxed) {
    int[] values = new int[boxed.size()];
    int i = 0;
    for (int value : boxed) {
      values[i++] = value;
    }
    return values;
  }
}
