package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.count;
import static org.apache.spark.sql.functions.lit;
import static org.apache.spark.sql.functions.not;
import static org.apache.spark.sql.functions.size;
import static org.apache.spark.sql.functions.struct;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.sequence.PackConfig;
import io.moraine.pipeline.sequence.Segment;
import io.moraine.pipeline.sequence.SequenceChunk;
import io.moraine.pipeline.sequence.SequenceCutter;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Arrays;
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

/**
 * Concatenates and cuts: the tokens per bucket are summed, so every bucket knows its place in the
 * concatenation of all documents and is cut by itself; sequences across a bucket's border are put
 * together at the end.
 */
final class ConcatPacking {

  private static final int BUCKET_BITS = 10;

  private ConcatPacking() {}

  static Packing.Packed pack(Dataset<Row> keyed, PackConfig config, int endOfText) {
    Dataset<Row> bucketed = keyed.withColumn("bucket", Packing.bucket(BUCKET_BITS));
    long[] offsets = new long[(1 << BUCKET_BITS) + 1];
    long documents = 0;
    for (Row row :
        bucketed
            .groupBy("bucket")
            .agg(sum(col("n_tokens").plus(1)).as("tokens"), count(lit(1)).as("documents"))
            .collectAsList()) {
      offsets[row.getInt(0) + 1] = row.getLong(1);
      documents += row.getLong(2);
    }
    Arrays.parallelPrefix(offsets, Long::sum);
    long tokens = offsets[1 << BUCKET_BITS];
    int rowTokens = config.rowTokens();
    Dataset<Row> chunks =
        Packing.inOrder(bucketed)
            .mapPartitions(
                new CutBuckets(rowTokens, endOfText, offsets), Encoders.row(SequenceTable.CHUNKS));
    long count = (tokens + rowTokens - 1) / rowTokens;
    return Packing.packed(assemble(chunks, rowTokens, endOfText), documents, tokens, count, config);
  }

  private static Dataset<Row> assemble(Dataset<Row> chunks, int rowTokens, int endOfText) {
    Column whole = size(col("tokens")).equalTo(rowTokens);
    Dataset<Row> joined =
        chunks
            .where(not(whole))
            .groupBy("sequence_id")
            .agg(
                collect_list(
                        struct("position", "tokens", "starts", "documents", "copies", "offsets"))
                    .as("chunks"))
            .map(new JoinChunks(rowTokens, endOfText), Encoders.row(SequenceTable.SEQUENCES));
    return chunks
        .where(whole)
        .withColumn("filled", lit(rowTokens))
        .select(joined.columns()[0], Arrays.copyOfRange(joined.columns(), 1, 7))
        .union(joined);
  }

  /** (bucket, id, copy, tokens) in order to chunks. */
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
                      rowTokens,
                      endOfText,
                      offsets[bucket],
                      chunk -> ready.add(SequenceTable.chunk(chunk)));
            }
            cutter.add(
                document.getString(1), document.getInt(2), SequenceTable.ints(document.getList(3)));
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
  }

  /** The chunks of one sequence, in any order, to the sequence; the last one may have room left. */
  private static final class JoinChunks implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int rowTokens;
    private final int endOfText;

    JoinChunks(int rowTokens, int endOfText) {
      this.rowTokens = rowTokens;
      this.endOfText = endOfText;
    }

    @Override
    public Row call(Row row) {
      List<Row> chunks = new ArrayList<>(row.<Row>getList(1));
      chunks.sort(Comparator.comparingInt(chunk -> chunk.getInt(0)));
      int[] tokens = new int[rowTokens];
      int filled = 0;
      List<Segment> segments = new ArrayList<>();
      for (Row chunk : chunks) {
        int[] part = SequenceTable.ints(chunk.getList(1));
        System.arraycopy(part, 0, tokens, filled, part.length);
        filled += part.length;
        addSegments(chunk, segments);
      }
      SequenceChunk whole =
          new SequenceChunk(row.getLong(0), 0, Arrays.copyOf(tokens, filled), segments);
      return SequenceTable.sequence(whole, rowTokens, endOfText);
    }

    private static void addSegments(Row chunk, List<Segment> segments) {
      List<Integer> starts = chunk.getList(2);
      List<String> documents = chunk.getList(3);
      List<Integer> copies = chunk.getList(4);
      List<Integer> offsets = chunk.getList(5);
      for (int i = 0; i < starts.size(); i++) {
        segments.add(new Segment(starts.get(i), documents.get(i), copies.get(i), offsets.get(i)));
      }
    }
  }
}
