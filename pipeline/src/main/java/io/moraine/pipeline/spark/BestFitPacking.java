package io.moraine.pipeline.spark;

import static org.apache.spark.sql.functions.col;
import static org.apache.spark.sql.functions.collect_list;
import static org.apache.spark.sql.functions.sum;

import io.moraine.pipeline.sequence.BestFitPacker;
import io.moraine.pipeline.sequence.PackConfig;
import java.util.Arrays;
import java.util.Collections;
import java.util.Iterator;
import org.apache.spark.api.java.function.MapFunction;
import org.apache.spark.api.java.function.MapPartitionsFunction;
import org.apache.spark.sql.Dataset;
import org.apache.spark.sql.Encoders;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.apache.spark.sql.types.StructType;

/**
 * Best-fit packing inside buckets of the order: as many buckets as keep one in a task's memory, so
 * few that a bucket's loss, about half a sequence, does not matter. A first pass over the lengths
 * alone says how many sequences each bucket takes.
 */
final class BestFitPacking {

  /** A bucket holds at least about so many sequences, if there are so many ... */
  private static final long BUCKET_SEQUENCES = 4096;

  /** ... or so many tokens: 64 MiB of ids. */
  private static final long BUCKET_TOKENS = 1L << 24;

  private static final int MAX_BUCKET_BITS = 20;

  private static final StructType PLAN =
      new StructType()
          .add("bucket", "int")
          .add("documents", "long")
          .add("tokens", "long")
          .add("sequences", "long");

  private BestFitPacking() {}

  static Packing.Packed pack(Dataset<Row> keyed, PackConfig config, int endOfText) {
    Row total = keyed.agg(sum(col("n_tokens").plus(1))).first();
    int bits = bucketBits(total.isNullAt(0) ? 0 : total.getLong(0), config.rowTokens());
    Dataset<Row> bucketed = keyed.withColumn("bucket", Packing.bucket(bits));
    long[] firstSequences = new long[(1 << bits) + 1];
    long documents = 0;
    long tokens = 0;
    for (Row row : plan(bucketed, config.rowTokens()).collectAsList()) {
      documents += row.getLong(1);
      tokens += row.getLong(2);
      firstSequences[row.getInt(0) + 1] = row.getLong(3);
    }
    Arrays.parallelPrefix(firstSequences, Long::sum);
    Dataset<Row> sequences =
        Packing.inOrder(bucketed)
            .mapPartitions(
                new PackBuckets(config.rowTokens(), endOfText, firstSequences),
                Encoders.row(SequenceTable.SEQUENCES));
    return Packing.packed(sequences, documents, tokens, firstSequences[1 << bits], config);
  }

  /** So that a bucket has at least as many tokens as the limits above ask for, on average. */
  static int bucketBits(long tokens, int rowTokens) {
    long buckets = tokens / Math.min(BUCKET_SEQUENCES * rowTokens, BUCKET_TOKENS);
    return Math.min(
        MAX_BUCKET_BITS, Long.SIZE - 1 - Long.numberOfLeadingZeros(Math.max(1, buckets)));
  }

  private static Dataset<Row> plan(Dataset<Row> bucketed, int rowTokens) {
    return bucketed
        .groupBy("bucket")
        .agg(collect_list(col("n_tokens").plus(1)).as("lengths"))
        .map(new CountSequences(rowTokens), Encoders.row(PLAN));
  }

  private static final class CountSequences implements MapFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int rowTokens;

    CountSequences(int rowTokens) {
      this.rowTokens = rowTokens;
    }

    @Override
    public Row call(Row row) {
      int[] lengths = SequenceTable.ints(row.getList(1));
      return RowFactory.create(
          row.getInt(0),
          (long) lengths.length,
          Arrays.stream(lengths).asLongStream().sum(),
          BestFitPacker.sequences(lengths, rowTokens));
    }
  }

  /** (bucket, id, copy, tokens) in order to sequences; one bucket at a time is in memory. */
  private static final class PackBuckets implements MapPartitionsFunction<Row, Row> {

    private static final long serialVersionUID = 1L;

    private final int rowTokens;
    private final int endOfText;
    private final long[] firstSequences;

    PackBuckets(int rowTokens, int endOfText, long[] firstSequences) {
      this.rowTokens = rowTokens;
      this.endOfText = endOfText;
      this.firstSequences = firstSequences;
    }

    @Override
    public Iterator<Row> call(Iterator<Row> documents) {
      return new Iterator<>() {
        private Row ahead = documents.hasNext() ? documents.next() : null;
        private Iterator<Row> ready = Collections.emptyIterator();

        @Override
        public boolean hasNext() {
          while (!ready.hasNext() && ahead != null) {
            ready = nextBucket();
          }
          return ready.hasNext();
        }

        @Override
        public Row next() {
          return ready.next();
        }

        private Iterator<Row> nextBucket() {
          int bucket = ahead.getInt(0);
          BestFitPacker packer = new BestFitPacker(rowTokens, endOfText);
          while (ahead != null && ahead.getInt(0) == bucket) {
            packer.add(ahead.getString(1), ahead.getInt(2), SequenceTable.ints(ahead.getList(3)));
            ahead = documents.hasNext() ? documents.next() : null;
          }
          return rows(packer, firstSequences[bucket]);
        }
      };
    }

    private Iterator<Row> rows(BestFitPacker packer, long firstSequence) {
      var sequences = packer.pack(firstSequence);
      return new Iterator<>() {
        @Override
        public boolean hasNext() {
          return sequences.hasNext();
        }

        @Override
        public Row next() {
          return SequenceTable.sequence(sequences.next(), rowTokens, endOfText);
        }
      };
    }
  }
}
